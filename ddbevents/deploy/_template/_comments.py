"""The comments of a template, where a reader would ask why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

COMMENTS: Final[Mapping[str, str]] = {
    "FunctionRole": "What the app does, and no more.",
    "FunctionRole.Properties.Policies": 'IAM knows no resource for ListStreams but "*".',
    "Function.Properties.Timeout": "The app stops in time by itself, and leaves the rest to a retry.",
    "StreamMapping.Properties.StartingPosition": "Records that are older than the mapping count, too.",
    "StreamMapping.Properties.FunctionResponseTypes": (
        "Without it, Lambda takes every answer for success, and failed records are lost."
    ),
    "StreamMapping.Properties.BisectBatchOnFunctionError": (
        "When the first record of several fails, Lambda halves the batch, which uses up no retry."
    ),
    "StreamMapping.Properties.MaximumRetryAttempts": (
        "So that a bad record does not hold its shard for a day. Above the attempts of dead letters, or\n"
        "-1, which leaves the limit to the age."
    ),
    "StreamMapping.Properties.MaximumRecordAgeInSeconds": "Within the 24 hours that a stream keeps a record.",
    "StreamMapping.Properties.DestinationConfig": (
        "A bucket, since it gets the records themselves; a queue or a topic would get their numbers only."
    ),
    "StreamMapping.Properties.FilterCriteria": (
        "Made from the app's handlers. What it drops is gone for good, so make it again when they change."
    ),
    "IdempotencyTable": "It outlives the stack: without it, records would run twice.",
    "IdempotencyTable.Properties.TimeToLiveSpecification": "The store keeps a record for 48 hours.",
    "DeadLetterQueue": "It outlives the stack, since it may hold the only copy of a record.",
    "DeadLetterQueue.Properties.MessageRetentionPeriod": "14 days, the longest that SQS keeps a message.",
    "DeadLetterBucket": "It outlives the stack, since it may hold the only copy of a record.",
    "FailureBucket": "It gets the batches that Lambda gives up. ddbevents redrive reads them.",
    "IteratorAgeAlarm": "Records wait for an hour: the function is too slow, or a record holds its shard.",
    "DroppedEventsAlarm": "Records were discarded, and reached no destination.",
    "GivenUpEventsAlarm": "Lambda gave up a batch, which is in FailureBucket now.",
    "DeadLettersAlarm": "The app dead-lettered a record.",
}
"""By the path below `Resources`; each stands above its line."""
