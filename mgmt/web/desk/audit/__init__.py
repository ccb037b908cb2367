"""The desk's pages for an auditor: records of blocks, their proof, and what was published of them."""
