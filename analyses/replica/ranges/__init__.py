"""How small and how large an unprinted quantity can be among cohorts that agree with a paper."""
