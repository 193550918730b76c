"""Pure: what a stage should look like, and the plan that gets it there. Imports neither boto3 nor AWS clients."""
