using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Services;

/// <summary>Checks start requests and turns them into runs. Signal-with-start and update-with-start come through here too.</summary>
internal static class StartRequests
{
    /// <summary>Policies as they are meant, after defaults.</summary>
    public static (WorkflowIdReusePolicy Reuse, WorkflowIdConflictPolicy Conflict) Policies(
        WorkflowIdReusePolicy reuse, WorkflowIdConflictPolicy conflict, WorkflowIdConflictPolicy byDefault)
    {
        if (reuse == WorkflowIdReusePolicy.TerminateIfRunning)
        {
            if (conflict != WorkflowIdConflictPolicy.Unspecified)
            {
                throw ServiceErrors.InvalidArgument("Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING cannot be used together with a WorkflowIDConflictPolicy");
            }

            return (WorkflowIdReusePolicy.AllowDuplicate, WorkflowIdConflictPolicy.TerminateExisting);
        }

        if (reuse == WorkflowIdReusePolicy.RejectDuplicate && conflict == WorkflowIdConflictPolicy.TerminateExisting)
        {
            throw ServiceErrors.InvalidArgument("Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE cannot be used together with WorkflowIdConflictPolicy WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING");
        }

        return (
            reuse == WorkflowIdReusePolicy.Unspecified ? WorkflowIdReusePolicy.AllowDuplicate : reuse,
            conflict == WorkflowIdConflictPolicy.Unspecified ? byDefault : conflict);
    }

    /// <summary>Everything that can be said of a start request without looking at state.</summary>
    public static void Check(StartWorkflowExecutionRequest request, NamespaceEntry space, EngineLimits limits)
    {
        Required(request.WorkflowId, "WorkflowId", limits);
        Required(request.WorkflowType?.Name, "WorkflowType", limits);
        Required(request.TaskQueue?.Name, "TaskQueue", limits);
        Length(request.RequestId, "RequestId", limits);
        NotNegative(request.WorkflowExecutionTimeout, "WorkflowExecutionTimeout");
        NotNegative(request.WorkflowRunTimeout, "WorkflowRunTimeout");
        NotNegative(request.WorkflowTaskTimeout, "WorkflowTaskTimeout");
        NotNegative(request.WorkflowStartDelay, "WorkflowStartDelay");
        Retries.Require(request.RetryPolicy);
        TimeSkipping.Require(request.TimeSkippingConfig);
        CronSchedules.Require(request.CronSchedule, ServiceErrors.InvalidArgument);
        if (request.CronSchedule.Length > 0 && Instant.From(request.WorkflowStartDelay) > 0)
        {
            throw ServiceErrors.InvalidArgument("CronSchedule and WorkflowStartDelay may not be used together.");
        }

        if (request.OnConflictOptions is { AttachCompletionCallbacks: true, AttachRequestId: false })
        {
            throw ServiceErrors.InvalidArgument("attaching request ID is required for attaching completion callbacks");
        }

        if (request.RequestEagerExecution && Instant.From(request.WorkflowStartDelay) > 0)
        {
            request.RequestEagerExecution = false;
        }

        Blob(request.Input, "Input", limits);
        Size(request.Memo, "Memo", limits.MemoSize);
        SearchAttributeCodec.Require(request.SearchAttributes, space, ServiceErrors.InvalidArgument);
        DeliverCallbacks.Require(request.CompletionCallbacks, limits);
        RequirePriority(request.Priority);
    }

    public static void RequirePriority(Priority? priority)
    {
        if (priority is { PriorityKey: < 0 or > 5 })
        {
            throw ServiceErrors.InvalidArgument($"priority key can't be negative or above 5: {priority.PriorityKey}");
        }

        if (priority is { FairnessKey.Length: > 64 })
        {
            throw ServiceErrors.InvalidArgument($"fairness key length exceeds limit: {priority.FairnessKey.Length} > 64");
        }
    }

    public static WorkflowRun Start(Step step, NamespaceEntry space, StartWorkflowExecutionRequest request, bool eager = false, bool withoutFirstTask = false)
    {
        var delay = Instant.From(request.WorkflowStartDelay);
        var cron = CronSchedules.FirstBackoff(request.CronSchedule, step.Now);
        var attributes = new WorkflowExecutionStartedEventAttributes
        {
            WorkflowType = request.WorkflowType,
            TaskQueue = new() { Name = request.TaskQueue.Name, Kind = TaskQueueKind.Normal },
            Input = request.Input,
            WorkflowExecutionTimeout = request.WorkflowExecutionTimeout,
            WorkflowRunTimeout = request.WorkflowRunTimeout,
            WorkflowTaskTimeout = request.WorkflowTaskTimeout,
            Identity = request.Identity,
            RetryPolicy = request.RetryPolicy is { } policy ? Retries.WithDefaults(policy) : null,
            CronSchedule = request.CronSchedule,
            FirstWorkflowTaskBackoff = Instant.ToDurationOrZero(Math.Max(delay, cron)),
            Initiator = cron > 0 ? ContinueAsNewInitiator.CronSchedule : ContinueAsNewInitiator.Unspecified,
            Memo = request.Memo,
            SearchAttributes = request.SearchAttributes,
            Header = request.Header,
            ContinuedFailure = request.ContinuedFailure,
            LastCompletionResult = request.LastCompletionResult,
            Priority = request.Priority,
            VersioningOverride = request.VersioningOverride,
            EagerExecutionAccepted = eager,
            TimeSkippingConfig = request.TimeSkippingConfig,
        };
        attributes.CompletionCallbacks.AddRange(request.CompletionCallbacks);
        return StartRun.Apply(step, space, request.WorkflowId, Step.NewRunId(), attributes, new StartExtras
        {
            RequestId = request.RequestId,
            UserMetadata = request.UserMetadata,
            Links = LinksOf(request),
            WithoutFirstTask = withoutFirstTask,
            Versioning = Versioning.ForStart(step, space, request, attributes),
        });
    }

    /// <param name="started">False when an open run was used instead.</param>
    /// <param name="attached">Request id that the open run was given; empty for none.</param>
    public static StartWorkflowExecutionResponse Answer(WorkflowRun run, bool started, string attached = "") => new()
    {
        RunId = run.RunId,
        Started = started,
        Status = run.Status,
        FirstExecutionRunId = run.S.FirstRunId,
        Link = attached.Length > 0
            ? RunLinks.ToRequest(run, attached, EventType.WorkflowExecutionOptionsUpdated)
            : RunLinks.ToEvent(run, 1, EventType.WorkflowExecutionStarted),
    };

    /// <summary>Links that a callback carries already are not repeated: SDKs send them in both places.</summary>
    public static IReadOnlyList<Link> LinksOf(StartWorkflowExecutionRequest request) =>
        [.. request.Links.Except(request.CompletionCallbacks.SelectMany(static callback => callback.Links))];

    public static void Required(string? value, string field, EngineLimits limits)
    {
        if (string.IsNullOrEmpty(value))
        {
            throw ServiceErrors.InvalidArgument($"{field} is not set on request.");
        }

        Length(value, field, limits);
    }

    private static void Length(string value, string field, EngineLimits limits)
    {
        if (value.Length > limits.IdLength)
        {
            throw ServiceErrors.InvalidArgument($"{field} length exceeds limit.");
        }
    }

    private static void NotNegative(Google.Protobuf.WellKnownTypes.Duration? duration, string field)
    {
        if (duration is not null && (duration.Seconds < 0 || duration.Nanos < 0))
        {
            throw ServiceErrors.InvalidArgument($"An invalid {field} is set on request.");
        }
    }

    public static void Blob(Google.Protobuf.IMessage? blob, string field, EngineLimits limits) => Size(blob, field, limits.BlobSize);

    private static void Size(Google.Protobuf.IMessage? blob, string field, int limit)
    {
        if (blob is not null && blob.CalculateSize() is var size && size > limit)
        {
            throw ServiceErrors.InvalidArgument($"Blob data size exceeds limit. {field} has {size} bytes, the limit is {limit}.");
        }
    }
}
