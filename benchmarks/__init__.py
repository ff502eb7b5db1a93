"""Speed, memory and quality of retrieval, measured in one run beside what they are compared to."""
