using Baton.Durable.Engine;
using Google.Protobuf;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Execution.Commands;

/// <summary>
/// A workflow task's commands on their way into the history. All are checked before the first is applied, so that a bad one
/// fails the task and changes nothing else.
/// </summary>
internal sealed class CommandBatch(Step step, WorkflowRun run, RespondWorkflowTaskCompletedRequest request)
{
    public Step Step => step;

    public WorkflowRun Run => run;

    public RespondWorkflowTaskCompletedRequest Request => request;

    public EngineLimits Limits => run.Core.Limits;

    // Checking: what the commands so far would have made.
    public HashSet<string> Timers { get; } = [.. run.S.Timers.Keys];

    public HashSet<string> ActivityIds { get; } = [.. run.S.Activities.Values.Select(static activity => activity.ActivityId)];

    public HashSet<long> CanceledActivities { get; } = [];

    public HashSet<long> CanceledNexusOperations { get; } = [];

    public HashSet<string> UsedMessages { get; } = [];

    public int NewActivities { get; set; }

    public int NewChildren { get; set; }

    public int NewNexusOperations { get; set; }

    public bool IsClosing { get; set; }

    // Applying.
    public long CompletedEventId { get; set; }

    /// <summary>What reaches out to other runs happens after all commands are in the history.</summary>
    public List<Action> Afterwards { get; } = [];

    public List<Func<PollActivityTaskQueueResponse>> EagerActivities { get; } = [];

    /// <summary>Something happened that the worker must hear of at once.</summary>
    public bool NeedsWorkflowTask { get; set; }

    public HistoryEvent Append(Command command, HistoryEvent item)
    {
        item.UserMetadata = command.UserMetadata;
        item.EventGroupMarkers.AddRange(command.EventGroupMarkers);
        return run.Append(step, item);
    }

    /// <exception cref="BadCommandException">The blob is larger than 2 MB; the workflow is terminated, since a retry would do the same.</exception>
    public void RequireSize(IMessage? blob, WorkflowTaskFailedCause cause, string field) => RequireSize(blob, Limits.BlobSize, cause, field);

    public void RequireSize(Memo? memo, WorkflowTaskFailedCause cause, string field) => RequireSize(memo, Limits.MemoSize, cause, field);

    private static void RequireSize(IMessage? blob, int limit, WorkflowTaskFailedCause cause, string field)
    {
        if (blob is not null && blob.CalculateSize() > limit)
        {
            throw new BadCommandException(cause, $"{field} exceeds size limit.", terminates: true);
        }
    }

    public static void RequireId(string value, int limit, WorkflowTaskFailedCause cause, string field)
    {
        if (value.Length == 0)
        {
            throw new BadCommandException(cause, $"{field} is not set on command.");
        }

        if (value.Length > limit)
        {
            throw new BadCommandException(cause, $"{field} exceeds length limit: {value.Length} > {limit}.");
        }
    }

    public static void RequireRetryPolicy(RetryPolicy? policy, WorkflowTaskFailedCause cause)
    {
        if (Retries.Check(policy) is { } problem)
        {
            throw new BadCommandException(cause, problem);
        }
    }
}

/// <summary>A command that cannot be applied. The workflow task fails with the cause.</summary>
/// <param name="problem">What is wrong with it; empty where the cause says it all.</param>
internal sealed class BadCommandException(WorkflowTaskFailedCause cause, string problem, bool terminates = false)
    : Exception(problem.Length == 0 ? $"{cause}" : cause == WorkflowTaskFailedCause.Unspecified ? problem : $"{cause}: {problem}")
{
    public WorkflowTaskFailedCause Cause { get; } = cause;

    /// <summary>Trying again would never help: the workflow is terminated.</summary>
    public bool Terminates { get; } = terminates;
}
