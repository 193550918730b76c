"""The desired and actual state of a stage, and the plan between them. Pure: no boto3, no AWS clients."""
