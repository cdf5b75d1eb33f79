using Baton.Durable.State;
using Temporalio.Api.Enums.V1;

namespace Baton.Durable.Execution.Transitions;

/// <summary>When a worker is told that the history grows long: 4,096 events, 4 MB, or 90 % of the updates a run may have.</summary>
internal static class SuggestContinueAsNew
{
    public static void Decide(WorkflowRun run, WorkflowTaskState task)
    {
        task.HistorySize = run.S.HistorySize;
        task.SuggestContinueAsNew = Reasons(run, task).Any();
    }

    public static IEnumerable<SuggestContinueAsNewReason> Reasons(WorkflowRun run, WorkflowTaskState task)
    {
        var limits = run.Core.Limits;
        if (task.HistorySize >= limits.SuggestContinueAsNewSize)
        {
            yield return SuggestContinueAsNewReason.HistorySizeTooLarge;
        }

        if (task.ScheduledEventId >= limits.SuggestContinueAsNewEvents)
        {
            yield return SuggestContinueAsNewReason.TooManyHistoryEvents;
        }

        if (run.S.Updates.Count >= limits.UpdatesTotal * 9 / 10)
        {
            yield return SuggestContinueAsNewReason.TooManyUpdates;
        }
    }
}
