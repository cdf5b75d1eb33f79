using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.WorkflowService.V1;
using Enum = System.Enum;

namespace Baton.Durable.Bench.Floor;

/// <summary>
/// A run of the floor: as much history as the SDK's state machines insist on, and not a check more. Safe for calls at once.
/// </summary>
internal sealed class FloorRun
{
    private readonly Lock gate = new();
    private readonly StartWorkflowExecutionRequest start;
    private readonly TaskCompletionSource<HistoryEvent> closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Timestamp now = Timestamp.FromDateTimeOffset(TimeProvider.System.GetUtcNow());

    // What the worker has not seen yet.
    private List<HistoryEvent> news = [];
    private long lastId;
    private long taskScheduledId;
    private long taskStartedId;
    private long previousStartedId;

    public FloorRun(StartWorkflowExecutionRequest start)
    {
        this.start = start;
        Queue = start.TaskQueue.Name;
        Add(new HistoryEvent
        {
            EventType = EventType.WorkflowExecutionStarted,
            WorkflowExecutionStartedEventAttributes = new WorkflowExecutionStartedEventAttributes
            {
                WorkflowId = start.WorkflowId,
                WorkflowType = start.WorkflowType,
                TaskQueue = start.TaskQueue,
                Input = start.Input,
                Header = start.Header,
                Identity = start.Identity,
                Attempt = 1,
                OriginalExecutionRunId = RunId,
                FirstExecutionRunId = RunId,
                WorkflowTaskTimeout = Duration.FromTimeSpan(TimeSpan.FromSeconds(10)),
            },
        });
        ScheduleTask();
    }

    public string RunId { get; } = Guid.CreateVersion7().ToString("D");

    /// <summary>Where its next workflow task goes: the sticky queue of its worker once it has one.</summary>
    public string Queue { get; private set; }

    /// <summary>The event that closed the run.</summary>
    public Task<HistoryEvent> Closed => closed.Task;

    public PollWorkflowTaskQueueResponse StartTask()
    {
        lock (gate)
        {
            taskStartedId = Add(new HistoryEvent
            {
                EventType = EventType.WorkflowTaskStarted,
                WorkflowTaskStartedEventAttributes = new() { ScheduledEventId = taskScheduledId },
            });
            var response = new PollWorkflowTaskQueueResponse
            {
                TaskToken = Token(taskScheduledId),
                WorkflowExecution = Execution,
                WorkflowType = start.WorkflowType,
                PreviousStartedEventId = previousStartedId,
                StartedEventId = taskStartedId,
                Attempt = 1,
                WorkflowExecutionTaskQueue = start.TaskQueue,
                ScheduledTime = now,
                StartedTime = now,
                History = new History(),
            };
            response.History.Events.AddRange(news);
            news = [];
            return response;
        }
    }

    /// <param name="activities">Tasks for pollers, by queue: what the worker had no slot to take in the same answer.</param>
    public RespondWorkflowTaskCompletedResponse CompleteTask(
        RespondWorkflowTaskCompletedRequest request, out List<(string Queue, PollActivityTaskQueueResponse Task)> activities)
    {
        var response = new RespondWorkflowTaskCompletedResponse();
        activities = [];
        lock (gate)
        {
            previousStartedId = taskStartedId;
            Queue = request.StickyAttributes?.WorkerTaskQueue.Name ?? start.TaskQueue.Name;
            var completed = Add(new HistoryEvent
            {
                EventType = EventType.WorkflowTaskCompleted,
                WorkflowTaskCompletedEventAttributes = new()
                {
                    ScheduledEventId = taskScheduledId, StartedEventId = taskStartedId, Identity = request.Identity, SdkMetadata = request.SdkMetadata,
                },
            });
            foreach (var command in request.Commands)
            {
                Apply(command, completed, response, activities);
            }
        }
        return response;
    }

    public void CompleteActivity(long scheduledId, RespondActivityTaskCompletedRequest request)
    {
        lock (gate)
        {
            var started = Add(new HistoryEvent
            {
                EventType = EventType.ActivityTaskStarted,
                ActivityTaskStartedEventAttributes = new() { ScheduledEventId = scheduledId, Identity = request.Identity, Attempt = 1 },
            });
            Add(new HistoryEvent
            {
                EventType = EventType.ActivityTaskCompleted,
                ActivityTaskCompletedEventAttributes = new()
                {
                    ScheduledEventId = scheduledId, StartedEventId = started, Result = request.Result, Identity = request.Identity,
                },
            });
            ScheduleTask();
        }
    }

    private WorkflowExecution Execution => new() { WorkflowId = start.WorkflowId, RunId = RunId };

    private void Apply(
        Command command, long taskCompletedId, RespondWorkflowTaskCompletedResponse response, List<(string Queue, PollActivityTaskQueueResponse Task)> activities)
    {
        switch (command.CommandType)
        {
            case CommandType.ScheduleActivityTask:
                var activity = command.ScheduleActivityTaskCommandAttributes;
                var task = ScheduleActivity(activity, taskCompletedId);
                if (activity.RequestEagerExecution)
                {
                    response.ActivityTasks.Add(task);
                }
                else
                {
                    activities.Add((activity.TaskQueue.Name, task));
                }
                break;
            case CommandType.RecordMarker:
                var marker = new MarkerRecordedEventAttributes
                {
                    MarkerName = command.RecordMarkerCommandAttributes.MarkerName, WorkflowTaskCompletedEventId = taskCompletedId,
                };
                marker.Details.Add(command.RecordMarkerCommandAttributes.Details);
                Add(new HistoryEvent { EventType = EventType.MarkerRecorded, MarkerRecordedEventAttributes = marker });
                break;
            case CommandType.CompleteWorkflowExecution:
                var end = new HistoryEvent
                {
                    EventType = EventType.WorkflowExecutionCompleted,
                    WorkflowExecutionCompletedEventAttributes = new()
                    {
                        Result = command.CompleteWorkflowExecutionCommandAttributes.Result, WorkflowTaskCompletedEventId = taskCompletedId,
                    },
                };
                Add(end);
                closed.SetResult(end);
                break;
            default:
                throw new NotSupportedException($"The workflows of the bench do not use {Enum.GetName(command.CommandType)}.");
        }
    }

    private PollActivityTaskQueueResponse ScheduleActivity(ScheduleActivityTaskCommandAttributes activity, long taskCompletedId)
    {
        var scheduled = Add(new HistoryEvent
        {
            EventType = EventType.ActivityTaskScheduled,
            ActivityTaskScheduledEventAttributes = new()
            {
                ActivityId = activity.ActivityId,
                ActivityType = activity.ActivityType,
                TaskQueue = activity.TaskQueue,
                Input = activity.Input,
                StartToCloseTimeout = activity.StartToCloseTimeout,
                WorkflowTaskCompletedEventId = taskCompletedId,
            },
        });
        return new PollActivityTaskQueueResponse
        {
            TaskToken = Token(scheduled),
            WorkflowExecution = Execution,
            WorkflowNamespace = start.Namespace,
            WorkflowType = start.WorkflowType,
            ActivityId = activity.ActivityId,
            ActivityType = activity.ActivityType,
            Input = activity.Input,
            Attempt = 1,
            ScheduledTime = now,
            CurrentAttemptScheduledTime = now,
            StartedTime = now,
            StartToCloseTimeout = activity.StartToCloseTimeout,
            ScheduleToCloseTimeout = activity.ScheduleToCloseTimeout,
        };
    }

    private void ScheduleTask() => taskScheduledId = Add(new HistoryEvent
    {
        EventType = EventType.WorkflowTaskScheduled,
        WorkflowTaskScheduledEventAttributes = new() { TaskQueue = start.TaskQueue, StartToCloseTimeout = Duration.FromTimeSpan(TimeSpan.FromSeconds(10)), Attempt = 1 },
    });

    private long Add(HistoryEvent item)
    {
        item.EventId = ++lastId;
        item.EventTime = now;
        news.Add(item);
        return lastId;
    }

    private ByteString Token(long scheduledId) => ByteString.CopyFromUtf8($"{RunId}/{scheduledId}");
}
