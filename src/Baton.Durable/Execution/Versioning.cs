using Baton.Durable.BuildIds;
using Baton.Durable.Deployments;
using Baton.Durable.Engine;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Baton.Durable.Matching;
using Baton.Durable.State;
using Google.Protobuf;
using Temporalio.Api.Deployment.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.Workflow.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Execution;

/// <summary>Which worker deployment version a run's tasks go to.</summary>
/// <remarks>
/// A run that is pinned, by its workers' word or by an override, stays on its version. Any other follows the current version of its task
/// queue: the first workflow task that a worker of another version takes begins a transition, which ends when that worker completes the task;
/// activities wait meanwhile, so that none goes to a version that the workflow has not reached.
/// </remarks>
internal static class Versioning
{
    /// <summary>Null for a worker without versions.</summary>
    public static WorkerDeploymentVersion? VersionOf(WorkerDeploymentOptions? options) => options is { WorkerVersioningMode: WorkerVersioningMode.Versioned }
        ? new WorkerDeploymentVersion { DeploymentName = options.DeploymentName, BuildId = options.BuildId }
        : null;

    // Tasks and queries of a run.
    /// <summary>The version that tasks must go to, none when they follow their queue.</summary>
    public static WorkerVersion PinnedTo(WorkflowRun run) =>
        run.S.Versioning is not null && Behavior(run) == VersioningBehavior.Pinned ? Reached(run) : WorkerVersion.None;

    /// <summary>Activities wait for the workflow to arrive at its next version.</summary>
    public static bool HoldsActivities(WorkflowRun run) => run.S.Versioning is { Transitioning: true };

    public static QueueKey QueryQueue(WorkflowRun run)
    {
        var task = new TaskRef { NamespaceId = run.NamespaceId, Queue = run.S.TaskQueue, Kind = TaskKind.Workflow };
        Direction(run).Write(task, run.Ramp);
        return run.Core.Matcher.Route(task);
    }

    /// <summary>Which workers the run's workflow tasks are for.</summary>
    public static TaskDirection Direction(WorkflowRun run) =>
        Behavior(run) == VersioningBehavior.Unspecified ? BuildIdUses.Direction(run) : new(PinnedTo(run), ByRules: false);

    /// <summary>Which workers an activity is for: those of its workflow, or, where it is independent of them, whichever its queue has.</summary>
    public static TaskDirection DirectionOf(ActivityState activity, TaskDirection workflow) =>
        activity.UseWorkflowBuildId || workflow.Version.Deployment.Length > 0 ? workflow : TaskDirection.Any;

    /// <summary>The worker whose sticky queue it is has not the version that the next task must go to.</summary>
    public static bool IsStickyStale(WorkflowRun run) => Target(run) != Reached(run) || BuildIdUses.IsStickyStale(run);

    /// <summary>A pinned run that would be on another version if it began now.</summary>
    public static bool IsTargetChanged(WorkflowRun run)
    {
        var pinned = PinnedTo(run);
        return !pinned.IsNone && run.Core.Deployments.Target(run.NamespaceId, run.S.TaskQueue, TaskKind.Workflow, WorkerVersion.None, run.Ramp) != pinned;
    }

    // Workers.
    /// <summary>A worker's version takes a workflow task: a version that the run is not on begins a transition.</summary>
    public static void Started(WorkflowRun run, Poller poller)
    {
        var version = poller.Worker.Version;
        if (run.S.Versioning is null && version.IsNone)
        {
            return;
        }

        var state = run.S.Versioning ??= new VersioningState();
        state.Transitioning = version != Reached(run);
        (state.TransitionDeploymentName, state.TransitionBuildId) = state.Transitioning ? version : WorkerVersion.None;
    }

    /// <summary>Whether a worker may take an activity now. If not, the workflow goes to the worker's version first.</summary>
    public static bool MayTakeActivity(Step step, WorkflowRun run, Poller poller)
    {
        if (HoldsActivities(run))
        {
            return false;
        }

        var version = poller.Worker.Version;
        if (version.IsNone || version == Reached(run) || !PinnedTo(run).IsNone || version != Target(run))
        {
            return true;
        }

        var state = run.S.Versioning ??= new VersioningState();
        state.Transitioning = true;
        (state.TransitionDeploymentName, state.TransitionBuildId) = version;
        run.S.StickyQueue = "";
        ScheduleWorkflowTask.Ensure(step, run);
        step.Touch(run);
        return false;
    }

    /// <summary>A worker completed a workflow task: the run is now on its version, with the behavior that it declares.</summary>
    public static void Completed(Step step, WorkflowRun run, RespondWorkflowTaskCompletedRequest request)
    {
        var versioned = request.DeploymentOptions is { WorkerVersioningMode: WorkerVersioningMode.Versioned };
        if (run.S.Versioning is null && !versioned)
        {
            return;
        }

        var state = run.S.Versioning ??= new VersioningState();
        var before = state.Clone();
        state.Behavior = versioned ? (int)request.VersioningBehavior : 0;
        (state.DeploymentName, state.BuildId) = versioned ? new WorkerVersion(request.DeploymentOptions.DeploymentName, request.DeploymentOptions.BuildId) : WorkerVersion.None;
        state.LastDeploymentName = request.DeploymentOptions?.DeploymentName ?? state.LastDeploymentName;
        state.Transitioning = false;
        (state.TransitionDeploymentName, state.TransitionBuildId) = WorkerVersion.None;
        if (versioned && Reached(run).ToString() is var used && !state.UsedVersions.Contains(used))
        {
            state.UsedVersions.Add(used);
        }

        step.Touch(run, visibility: !state.Equals(before));
    }

    // Beginnings.
    /// <exception cref="ServiceException">INVALID_ARGUMENT or FAILED_PRECONDITION: the override of a start makes no sense.</exception>
    public static void RequireStart(Step step, NamespaceEntry space, StartWorkflowExecutionRequest request)
    {
        if (request.VersioningOverride is { } wanted)
        {
            VersioningOverrides.Require(step, space.Id, request.TaskQueue.Name, wanted);
        }
    }

    public static VersioningState? ForStart(Step step, NamespaceEntry space, StartWorkflowExecutionRequest request, WorkflowExecutionStartedEventAttributes attributes)
    {
        if (request.VersioningOverride is null)
        {
            return null;
        }

        attributes.VersioningOverride = VersioningOverrides.Normalize(request.VersioningOverride);
        DeploymentChanges.Reactivate(step, space.Id, VersioningOverrides.PinnedTo(attributes.VersioningOverride));
        return new VersioningState { Override = attributes.VersioningOverride.ToByteString() };
    }

    /// <summary>Whether the worker that starts a workflow may have its first task at once.</summary>
    public static bool MayStartEagerly(Step step, NamespaceEntry space, StartWorkflowExecutionRequest request)
    {
        var pinned = request.VersioningOverride is { } wanted ? VersioningOverrides.PinnedTo(wanted) : WorkerVersion.None;
        var worker = PollingWorker.Of(request.EagerWorkerDeploymentOptions, capabilities: null).Version;
        var queue = step.Core.Matcher.Route(new TaskRef
        {
            NamespaceId = space.Id,
            Queue = request.TaskQueue.Name,
            Kind = TaskKind.Workflow,
            DeploymentName = pinned.Deployment,
            BuildId = pinned.BuildId,
            Ramp = DeploymentRegistry.RampOf(request.WorkflowId),
            ByRules = pinned.IsNone,
        });
        return worker == new WorkerVersion(queue.Deployment, queue.BuildId);
    }

    /// <param name="initial">What a continue-as-new asks for.</param>
    public static VersioningState? Inherit(WorkflowRun previous, WorkflowExecutionStartedEventAttributes attributes, ContinueAsNewVersioningBehavior initial)
    {
        if (previous.S.Versioning is not { } old)
        {
            return null;
        }

        var state = new VersioningState { Override = old.Override, LastDeploymentName = old.LastDeploymentName };
        attributes.VersioningOverride = OverrideOf(previous);

        // A retry begins where the first attempt did; a schedule's next time has nothing to do with the last one.
        var inherited = attributes.Initiator switch
        {
            ContinueAsNewInitiator.CronSchedule => WorkerVersion.None,
            ContinueAsNewInitiator.Retry => WorkerVersion.Of(FollowingRun.StartedAttributes(previous).InheritedPinnedVersion),
            _ when initial != ContinueAsNewVersioningBehavior.Unspecified => WorkerVersion.None,
            _ => Behavior(previous) == VersioningBehavior.Pinned ? Reached(previous) : WorkerVersion.None,
        };
        Pin(state, inherited, previous.NamespaceId, previous.Core, attributes);
        if (attributes.Initiator == ContinueAsNewInitiator.Workflow && inherited.IsNone && Reached(previous) is { IsNone: false } source)
        {
            attributes.InheritedAutoUpgradeInfo = new InheritedAutoUpgradeInfo { SourceDeploymentVersion = source.ToApi(), ContinueAsNewInitialVersioningBehavior = initial };
        }

        return state;
    }

    public static VersioningState? ForChild(Step step, WorkflowRun parent, NamespaceEntry space, WorkflowExecutionStartedEventAttributes attributes)
    {
        var state = new VersioningState();
        if (attributes.VersioningOverride is { } own)
        {
            attributes.VersioningOverride = VersioningOverrides.IsUsable(step, space.Id, attributes.TaskQueue.Name, own) ? VersioningOverrides.Normalize(own) : null;
        }

        if (parent.S.Versioning is { } ofParent && parent.NamespaceId == space.Id)
        {
            if (attributes.VersioningOverride is null && OverrideOf(parent) is { } inherited
                && VersioningOverrides.PinnedTo(inherited) is { IsNone: false } pinned
                && parent.Core.Deployments.HasQueue(space.Id, pinned, attributes.TaskQueue.Name, TaskKind.Workflow))
            {
                attributes.VersioningOverride = inherited;
            }

            var version = new WorkerVersion(ofParent.DeploymentName, ofParent.BuildId);
            if ((VersioningBehavior)ofParent.Behavior == VersioningBehavior.Pinned)
            {
                Pin(state, version, space.Id, parent.Core, attributes);
            }
            else if (!version.IsNone)
            {
                attributes.InheritedAutoUpgradeInfo = new InheritedAutoUpgradeInfo { SourceDeploymentVersion = version.ToApi() };
            }
        }

        state.Override = attributes.VersioningOverride?.ToByteString() ?? ByteString.Empty;
        return state.CalculateSize() == 0 ? null : state;
    }

    // Overrides.
    public static VersioningOverride? OverrideOf(WorkflowRun run) =>
        run.S.Versioning is { Override.IsEmpty: false } state ? VersioningOverride.Parser.ParseFrom(state.Override) : null;

    /// <exception cref="ServiceException">INVALID_ARGUMENT or FAILED_PRECONDITION: it makes no sense for this run.</exception>
    public static VersioningOverride? RequireOverride(Step step, WorkflowRun run, VersioningOverride? wanted)
    {
        if (wanted is null)
        {
            return null;
        }

        // Pinned without a version: to the one that it is on.
        if (wanted is { Pinned: { Version: null, Behavior: not VersioningOverride.Types.PinnedOverrideBehavior.Unspecified } })
        {
            var behavior = Behavior(run);
            wanted = behavior == VersioningBehavior.Pinned
                ? new VersioningOverride { Pinned = new() { Behavior = wanted.Pinned.Behavior, Version = Reached(run).ToApi() } }
                : throw ServiceErrors.FailedPrecondition(
                    $"must specify a specific pinned override version because workflow with id {run.Id} has behavior {behavior} and is not yet pinned to any version");
        }

        return VersioningOverrides.Require(step, run.NamespaceId, run.S.TaskQueue, wanted);
    }

    public static void SetOverride(Step step, WorkflowRun run, VersioningOverride? wanted)
    {
        var (oldTarget, state) = (Target(run), run.S.Versioning ??= new VersioningState());
        state.Override = wanted?.ToByteString() ?? ByteString.Empty;
        if (wanted is not null && VersioningOverrides.PinnedTo(wanted) is { IsNone: false } pinned)
        {
            DeploymentChanges.Reactivate(step, run.NamespaceId, pinned);
            state.Transitioning = false;
            (state.TransitionDeploymentName, state.TransitionBuildId) = WorkerVersion.None;
        }

        if (oldTarget != Target(run))
        {
            SendAnew(run);
        }

        step.Touch(run, visibility: true);
    }

    // What a run shows.
    public static WorkflowExecutionVersioningInfo? Describe(WorkflowRun run)
    {
        if (run.S.Versioning is not { } state)
        {
            return null;
        }

        var version = new WorkerVersion(state.DeploymentName, state.BuildId);
        var transition = new WorkerVersion(state.TransitionDeploymentName, state.TransitionBuildId);
        return new WorkflowExecutionVersioningInfo
        {
            Behavior = (VersioningBehavior)state.Behavior,
            DeploymentVersion = version.ToApi(),
            Version = version.IsNone ? "" : version.ToOlderString(),
            Deployment = version.IsNone ? null : new Deployment { SeriesName = version.Deployment, BuildId = version.BuildId },
            VersioningOverride = OverrideOf(run),
            VersionTransition = state.Transitioning
                ? new DeploymentVersionTransition { DeploymentVersion = transition.ToApi(), Version = transition.ToOlderString() }
                : null,
        };
    }

    /// <summary>The behavior that holds, and the version that the run has reached; the version of a pinned override counts as reached.</summary>
    public static (VersioningBehavior Behavior, WorkerVersion Version) Effective(WorkflowRun run) => (Behavior(run), Reached(run));

    private static VersioningBehavior Behavior(WorkflowRun run) =>
        OverrideOf(run) is { } wanted ? VersioningOverrides.BehaviorOf(wanted) : (VersioningBehavior)(run.S.Versioning?.Behavior ?? 0);

    private static WorkerVersion Reached(WorkflowRun run)
    {
        if (run.S.Versioning is not { } state)
        {
            return WorkerVersion.None;
        }

        return !state.Override.IsEmpty && VersioningOverrides.PinnedTo(OverrideOf(run)!) is { IsNone: false } pinned
            ? pinned
            : new WorkerVersion(state.DeploymentName, state.BuildId);
    }

    private static WorkerVersion Target(WorkflowRun run) =>
        run.Core.Deployments.Target(run.NamespaceId, run.S.TaskQueue, TaskKind.Workflow, PinnedTo(run), run.Ramp);

    private static void Pin(VersioningState state, WorkerVersion version, string namespaceId, EngineCore core, WorkflowExecutionStartedEventAttributes attributes)
    {
        // Pinned to workers that the new run's queue does not have, it would never begin.
        if (!version.IsNone && core.Deployments.HasQueue(namespaceId, version, attributes.TaskQueue.Name, TaskKind.Workflow))
        {
            attributes.InheritedPinnedVersion = version.ToApi();
            state.Behavior = (int)VersioningBehavior.Pinned;
            (state.DeploymentName, state.BuildId) = version;
        }
    }

    /// <summary>Tasks that wait already go to the new version.</summary>
    private static void SendAnew(WorkflowRun run)
    {
        run.S.StickyQueue = "";
        if (run.S.WorkflowTask is { StartedTime: 0 } task)
        {
            task.Sticky = false;
            task.Queue = run.S.TaskQueue;
            task.ScheduleToStartDeadline = 0;
            task.Stamp++;
        }

        foreach (var activity in run.S.Activities.Values.Where(static activity => activity.StartedTime == 0))
        {
            activity.Stamp++;
        }
    }
}
