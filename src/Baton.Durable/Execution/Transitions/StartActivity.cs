using Baton.Durable.Activities;
using Baton.Durable.Engine;
using Baton.Durable.State;
using Temporalio.Api.Common.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Execution.Transitions;

/// <summary>
/// A worker takes an activity. Nothing is written to the history yet: the started event comes with the event that ends the activity, so that
/// attempts leave no trace there.
/// </summary>
internal static class StartActivity
{
    /// <param name="scheduled">The scheduled event, when the caller has it.</param>
    public static Func<PollActivityTaskQueueResponse> Apply(
        Step step, WorkflowRun run, ActivityState activity, string identity, string workerInstance, HistoryEvent? scheduled = null)
    {
        var response = Begin(step, run, activity, identity, workerInstance);
        response.WorkflowNamespace = run.Namespace.Name;
        response.WorkflowType = new WorkflowType { Name = run.S.WorkflowType };
        response.WorkflowExecution = run.Execution;
        response.Priority ??= run.S.Priority.IsEmpty ? null : Priority.Parser.ParseFrom(run.S.Priority);

        // Input and header stand in the scheduled event: in memory when it is young, else read after the commit.
        if (scheduled is null && run.TryGetTail(activity.ScheduledEventId, out var events) && events.Count > 0)
        {
            scheduled = events[0];
        }

        if (scheduled is not null)
        {
            Fill(response, scheduled);
            return () => response;
        }

        var (reader, runKey, eventId) = (run.Core.Store.Histories, run.RunKey, activity.ScheduledEventId);
        return () =>
        {
            Fill(response, HistoryReading.Stored(reader, runKey, eventId, eventId + 1).First());
            return response;
        };
    }

    /// <summary>A standalone activity has all that its worker needs in its state.</summary>
    public static PollActivityTaskQueueResponse Apply(Step step, StandaloneActivity owner, string identity, string workerInstance)
    {
        var response = Begin(step, owner, owner.Activity, identity, workerInstance);
        response.WorkflowNamespace = owner.Namespace.Name;
        response.ActivityRunId = owner.RunId;
        response.Input = owner.S.Input.IsEmpty ? null : Payloads.Parser.ParseFrom(owner.S.Input);
        response.Header = owner.S.Header.IsEmpty ? null : Header.Parser.ParseFrom(owner.S.Header);
        response.PropagatedNexusSerializationContext = owner.SerializationContext;
        return response;
    }

    private static PollActivityTaskQueueResponse Begin(Step step, Entity owner, ActivityState activity, string identity, string workerInstance)
    {
        activity.StartedTime = step.Now;
        activity.LastStartedTime = step.Now;
        activity.LastHeartbeatTime = 0;
        activity.Identity = identity;
        activity.WorkerInstance = workerInstance;
        activity.StartRequestId = Guid.NewGuid().ToString("D");
        step.Touch(owner);
        return new PollActivityTaskQueueResponse
        {
            TaskToken = TaskTokens.Of(owner, activity),
            ActivityType = new ActivityType { Name = activity.ActivityType },
            ActivityId = activity.ActivityId,
            HeartbeatDetails = activity.HeartbeatDetails.IsEmpty ? null : Payloads.Parser.ParseFrom(activity.HeartbeatDetails),
            ScheduledTime = Instant.ToTimestamp(activity.ScheduledTime),
            CurrentAttemptScheduledTime = Instant.ToTimestamp(activity.AttemptScheduledTime),
            StartedTime = Instant.ToTimestamp(activity.StartedTime),
            Attempt = activity.Attempt,
            ScheduleToCloseTimeout = Instant.ToDurationOrZero(activity.ScheduleToClose),
            StartToCloseTimeout = Instant.ToDurationOrZero(activity.StartToClose),
            HeartbeatTimeout = Instant.ToDurationOrZero(activity.HeartbeatTimeout),
            RetryPolicy = activity.Retry is { } retry ? Retries.ToApi(retry) : null,
            Priority = activity.Priority.IsEmpty ? null : Priority.Parser.ParseFrom(activity.Priority),
        };
    }

    private static void Fill(PollActivityTaskQueueResponse response, HistoryEvent scheduled)
    {
        response.Header = scheduled.ActivityTaskScheduledEventAttributes.Header;
        response.Input = scheduled.ActivityTaskScheduledEventAttributes.Input;
    }
}
