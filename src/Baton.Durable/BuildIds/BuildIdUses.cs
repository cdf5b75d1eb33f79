using Baton.Durable.Deployments;
using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Matching;
using Baton.Durable.State;
using Temporalio.Api.Common.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.BuildIds;

/// <summary>How a run stands with build ids: where its tasks go, and which workers it has had.</summary>
/// <remarks>
/// A new run goes where rules and version sets of its queue say. From its first task on it stays with the build id that it was assigned, or
/// with the version set of the worker that completed its last task. A run that a worker without versioning completed a task of stays with those.
/// </remarks>
internal static class BuildIdUses
{
    private const string Unversioned = "unversioned";
    private const int MaxUsed = 20;

    /// <summary>The build id that the run is with, empty for none.</summary>
    public static string Current(WorkflowRun run) => run.S.BuildIds is not { } use ? "" : use.Assigned.Length > 0 ? use.Assigned : use.LastVersioned;

    public static TaskDirection Direction(WorkflowRun run)
    {
        var use = run.S.BuildIds;
        if (!run.S.FirstTaskCompleted && run.S.InheritedBuildId.Length == 0 && (use is null || use.LastVersioned.Length == 0))
        {
            // Also after an attempt that failed: the rules may have changed because it did.
            return TaskDirection.Any;
        }

        return new(new WorkerVersion("", Current(run)), ByRules: false);
    }

    /// <summary>A newer build took over from the worker whose sticky queue it is.</summary>
    public static bool IsStickyStale(WorkflowRun run) =>
        Current(run) is { Length: > 0 } current && run.Core.BuildIds.Successor(run.NamespaceId, run.S.TaskQueue, current) != current;

    public static void Started(Step step, WorkflowRun run, WorkflowTaskState task, PollingWorker worker)
    {
        if (!worker.UsesBuildIds)
        {
            return;
        }

        task.BuildId = worker.BuildId;
        if (run.Core.BuildIds.IsInSet(run.NamespaceId, run.S.TaskQueue, worker.BuildId))
        {
            return;
        }

        var use = run.S.BuildIds ??= new BuildIdUse();
        if (use.Assigned != worker.BuildId)
        {
            use.Redirects += run.S.FirstTaskCompleted && use.Assigned.Length > 0 ? 1 : 0;
            use.Assigned = worker.BuildId;
            step.Touch(run, visibility: true);
        }
    }

    public static void Completed(Step step, WorkflowRun run, RespondWorkflowTaskCompletedRequest request)
    {
        var stamp = request.WorkerVersionStamp;
        if (Versioning.VersionOf(request.DeploymentOptions) is not null)
        {
            return;
        }

        var use = run.S.BuildIds ??= new BuildIdUse();
        var versioned = stamp is { UseVersioning: true, BuildId.Length: > 0 };
        var changed = use.IsUnversioned == versioned || (versioned && use.LastVersioned != stamp!.BuildId);
        use.IsUnversioned = !versioned;
        use.LastVersioned = versioned ? stamp!.BuildId : "";
        if (stamp is { BuildId.Length: > 0 })
        {
            var name = $"{(versioned ? "versioned" : Unversioned)}:{stamp.BuildId}";
            if (!use.Used.Contains(name) && use.Used.Count < MaxUsed)
            {
                use.Used.Add(name);
                changed = true;
            }
        }

        step.Touch(run, visibility: changed);
    }

    /// <summary>A run that goes on where another was, or a child that its parent takes along, is with the same build id.</summary>
    public static void Inherit(WorkflowRun from, string taskQueue, bool wanted, WorkflowExecutionStartedEventAttributes attributes)
    {
        if (!wanted || taskQueue != from.S.TaskQueue || from.S.BuildIds is not { } use)
        {
            return;
        }

        if (use.Assigned.Length > 0)
        {
            attributes.InheritedBuildId = use.Assigned;
        }
        else
        {
            attributes.SourceVersionStamp = Stamp(use);
        }
    }

    public static BuildIdUse? Of(WorkflowExecutionStartedEventAttributes attributes) =>
        attributes.InheritedBuildId.Length > 0 ? new BuildIdUse { Assigned = attributes.InheritedBuildId }
        : attributes.SourceVersionStamp is { UseVersioning: true } stamp ? new BuildIdUse { LastVersioned = stamp.BuildId }
        : null;

    /// <summary>Of the worker that completed the last task, null when it took no part in versioning.</summary>
    public static WorkerVersionStamp? Stamp(BuildIdUse? use) =>
        use is { LastVersioned.Length: > 0 } ? new WorkerVersionStamp { BuildId = use.LastVersioned, UseVersioning = true } : null;

    public static WorkerVersionStamp? StampOf(WorkflowTaskState task) =>
        task.BuildId.Length > 0 ? new WorkerVersionStamp { BuildId = task.BuildId, UseVersioning = true } : null;

    /// <summary>The search attribute BuildIds: where the run is, and the workers it has had. Empty before its first task is completed.</summary>
    public static List<string> Attribute(WorkflowRun run)
    {
        if (run.S.BuildIds is not { } use)
        {
            return [];
        }

        List<string> values = use.Assigned.Length > 0 ? [$"assigned:{use.Assigned}"] : use.IsUnversioned ? [Unversioned] : [];
        values.AddRange(use.Used);
        return values;
    }
}
