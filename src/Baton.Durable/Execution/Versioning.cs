using Baton.Durable.Engine;
using Baton.Durable.Matching;
using Baton.Durable.State;
using Google.Protobuf;
using Temporalio.Api.Deployment.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.Workflow.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Execution;

/// <summary>Which worker deployment version a run's tasks go to.</summary>
internal static class Versioning
{
    public static WorkerDeploymentVersion? VersionOf(WorkerDeploymentOptions? options) =>
        options is { DeploymentName.Length: > 0 } ? new WorkerDeploymentVersion { DeploymentName = options.DeploymentName, BuildId = options.BuildId } : null;

    public static void Route(WorkflowRun run, TaskRef task)
    {
    }

    public static void RouteActivity(WorkflowRun run, ActivityState activity, TaskRef task)
    {
    }

    /// <summary>The queue of its own that a versioned worker polls.</summary>
    public static (string Deployment, string BuildId) PollVersion(WorkerDeploymentOptions? options) => ("", "");

    public static void Polled(Step step, Poller poller, WorkerDeploymentOptions? options)
    {
    }

    public static QueueKey QueryQueue(WorkflowRun run, QueueKey key) => key;

    public static void Started(Step step, WorkflowRun run, Poller poller)
    {
    }

    public static void Completed(Step step, WorkflowRun run, RespondWorkflowTaskCompletedRequest request)
    {
    }

    public static VersioningState? ForStart(NamespaceEntry space, StartWorkflowExecutionRequest request, WorkflowExecutionStartedEventAttributes attributes) => null;

    public static VersioningState? Inherit(WorkflowRun previous, WorkflowExecutionStartedEventAttributes attributes) => null;

    public static VersioningState? ForChild(WorkflowRun parent, NamespaceEntry space, WorkflowExecutionStartedEventAttributes attributes) => null;

    public static VersioningOverride? OverrideOf(WorkflowRun run) =>
        run.S.Versioning is { Override.IsEmpty: false } state ? VersioningOverride.Parser.ParseFrom(state.Override) : null;

    public static VersioningOverride? RequireOverride(Step step, WorkflowRun run, VersioningOverride? wanted) => wanted;

    public static void SetOverride(Step step, WorkflowRun run, VersioningOverride? wanted)
    {
        run.S.Versioning ??= new VersioningState();
        run.S.Versioning.Override = wanted?.ToByteString() ?? ByteString.Empty;
    }
}
