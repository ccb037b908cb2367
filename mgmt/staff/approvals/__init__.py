"""Two persons agree: the rules, the proposals, their signatures, the proof of them, and how control gives one."""
