using Baton.Durable.Deployments;
using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Baton.Durable.Matching;
using Baton.Durable.Nexus;
using Baton.Durable.Standalone;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Temporalio.Api.Activity.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Nexus.V1;
using Link = Temporalio.Api.Common.V1.Link;

namespace Baton.Durable.Activities;

/// <summary>
/// An activity that runs on its own: its state is that of a workflow's activity, with the same retries and timeouts, and what it ended with.
/// </summary>
internal sealed class StandaloneActivity(EngineCore core, long runKey, string namespaceId, string activityId, string runId, StandaloneActivityState state)
    : StandaloneEntity(core, runKey, EntityKind.Activity, namespaceId, activityId, runId)
{
    /// <summary>Id of its task. It never has more than one.</summary>
    private const long TaskId = 1;

    public static StandaloneActivity Load(EngineCore core, EntityRecord record) =>
        new(core, record.RunKey, record.NamespaceId, record.Id, record.RunId, StandaloneActivityState.Parser.ParseFrom(record.State));

    /// <exception cref="ServiceException">NOT_FOUND.</exception>
    public static StandaloneActivity Find(Step step, NamespaceEntry space, string activityId, string runId) =>
        Find<StandaloneActivity>(step, EntityKind.Activity, space, activityId, runId, "activity execution");

    public StandaloneActivityState S => state;

    public override IStandaloneState Common => state;

    public ActivityState Activity => S.Activity;

    public ActivityExecutionStatus Status => (ActivityExecutionStatus)S.Status;

    /// <summary>Its status as callers see it: one that is paused, and no worker has, does not count as running.</summary>
    public ActivityExecutionStatus ShownStatus => IsRunning && Activity is { Paused: true, StartedTime: 0 } ? ActivityExecutionStatus.Paused : Status;

    public override bool IsRunning => Status == ActivityExecutionStatus.Running;

    /// <summary>Null while it runs.</summary>
    public ActivityExecutionOutcome? Outcome => S.Outcome.IsEmpty ? null : ActivityExecutionOutcome.Parser.ParseFrom(S.Outcome);

    public PropagatedSerializationContext? SerializationContext =>
        S.SerializationContext.IsEmpty ? null : PropagatedSerializationContext.Parser.ParseFrom(S.SerializationContext);

    public override Link Link => new() { Activity = new() { Namespace = Namespace.Name, ActivityId = Id, RunId = RunId } };

    /// <summary>When its first attempt may begin.</summary>
    public long FirstDispatch => Instant.Add(Activity.ScheduledTime, S.StartDelay);

    protected override bool IsWorkedOn => !Activity.Paused && (Activity.StartedTime > 0 || Activity.AttemptScheduledTime <= Core.Clock.Now());

    public override NexusCompletion GetCompletion(State.CallbackState callback) => NexusCompletion.Of(this);

    /// <summary>It has its outcome.</summary>
    public void Close(Step step, ActivityExecutionStatus status, ActivityExecutionOutcome outcome)
    {
        S.Status = (int)status;
        S.Outcome = outcome.ToByteString();
        if (Activity.StartedTime > 0)
        {
            Activity.LastAttemptCompleteTime = step.Now;
        }

        SetClosed(step);
    }

    public override void CollectTasks(long now, List<TaskRef> tasks)
    {
        if (!IsRunning || Activity.Paused || Activity.StartedTime > 0 || Activity.AttemptScheduledTime > now)
        {
            return;
        }

        var task = new TaskRef
        {
            RunKey = RunKey,
            Kind = TaskKind.Activity,
            NamespaceId = NamespaceId,
            Queue = Activity.TaskQueue,
            Id = TaskId,
            Attempt = Activity.Attempt,
            Stamp = Activity.Stamp,
            CreatedMs = Activity.AttemptScheduledTime / Instant.Millisecond,
        };
        TaskDirection.Any.Write(task, DeploymentRegistry.RampOf(Id));
        if (!Activity.Priority.IsEmpty)
        {
            var priority = Priority.Parser.ParseFrom(Activity.Priority);
            (task.PriorityKey, task.FairnessKey, task.FairnessWeight) = (priority.PriorityKey, priority.FairnessKey, priority.FairnessWeight);
        }

        tasks.Add(task);
    }

    public override VisibilityRecord ToVisibility() => new()
    {
        RunKey = RunKey,
        Kind = EntityKind.Activity,
        NamespaceId = NamespaceId,
        Id = Id,
        RunId = RunId,
        Type = Activity.ActivityType,
        TaskQueue = Activity.TaskQueue,
        Status = (int)ShownStatus,
        StartTime = Instant.ToDateTimeOffset(Activity.ScheduledTime),
        ExecutionTime = Instant.ToDateTimeOffset(FirstDispatch),
        CloseTime = S.CloseTime > 0 ? Instant.ToDateTimeOffset(S.CloseTime) : null,
        DeleteAt = S.DeleteAt > 0 ? Instant.ToDateTimeOffset(S.DeleteAt) : null,
        StateTransitionCount = S.Transitions,
        Attributes = SearchAttributeCodec.Decode(SearchAttributes.Parser.ParseFrom(S.SearchAttributes), Namespace.CustomAttributes),
    };

    protected override long NextWakeRunning(long now) => ActivityClock.NextWake(Activity, now);

    protected override void OnWakeRunning(Step step)
    {
        if (ActivityClock.Passed(Activity, step.Now) is not TimeoutType.Unspecified and var type)
        {
            EndActivity.TimeOut(step, this, Activity, type);
        }
    }
}
