"""People in, policy image out: subscribers, profiles, schedules, pauses."""
