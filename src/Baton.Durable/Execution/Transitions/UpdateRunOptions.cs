using Baton.Durable.Engine;
using Baton.Durable.State;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.Workflow.V1;

namespace Baton.Durable.Execution.Transitions;

/// <summary>Options of an open run change: the override of its worker version, its priority, its time. Nothing is written when they stay as they are.</summary>
internal static class UpdateRunOptions
{
    public static WorkflowExecutionOptions Of(WorkflowRun run) => new()
    {
        VersioningOverride = Versioning.OverrideOf(run),
        Priority = run.S.Priority.IsEmpty ? null : Priority.Parser.ParseFrom(run.S.Priority),
        TimeSkippingConfig = TimeSkipping.Config(run),
    };

    /// <param name="options">All of them, those that stay too.</param>
    /// <param name="setTimeSkipping">Whether that of time is set anew: then it counts from now on, even when it is as before.</param>
    public static void Apply(Step step, WorkflowRun run, WorkflowExecutionOptions options, string identity, bool setTimeSkipping)
    {
        var old = Of(run);
        if (options.Equals(old) && !setTimeSkipping)
        {
            return;
        }

        run.AppendOrBuffer(step, new HistoryEvent
        {
            EventType = EventType.WorkflowExecutionOptionsUpdated,
            WorkerMayIgnore = true,
            WorkflowExecutionOptionsUpdatedEventAttributes = new WorkflowExecutionOptionsUpdatedEventAttributes
            {
                VersioningOverride = options.VersioningOverride,
                UnsetVersioningOverride = options.VersioningOverride is null,
                Priority = options.Priority,
                Identity = identity,
                TimeSkippingConfig = setTimeSkipping ? options.TimeSkippingConfig : null,
                TimeSkippingConfigUpdated = setTimeSkipping,
            },
        });
        run.S.Priority = options.Priority?.ToByteString() ?? ByteString.Empty;
        if (!Equals(options.Priority, old.Priority))
        {
            OfferAnew(run);
        }

        if (!Equals(options.VersioningOverride, old.VersioningOverride))
        {
            Versioning.SetOverride(step, run, options.VersioningOverride);
        }

        if (setTimeSkipping)
        {
            TimeSkipping.Set(run, options.TimeSkippingConfig, step.Now);
        }

        step.Touch(run, visibility: true);
    }

    /// <summary>Tasks that wait already are to be found by the new options.</summary>
    private static void OfferAnew(WorkflowRun run)
    {
        if (run.S.WorkflowTask is { StartedTime: 0 } task)
        {
            task.Stamp++;
        }

        foreach (var activity in run.S.Activities.Values.Where(static activity => activity.StartedTime == 0 && activity.Priority.IsEmpty))
        {
            activity.Stamp++;
        }
    }
}
