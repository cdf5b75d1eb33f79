using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Hosting;
using Baton.Durable.Storage;
using Temporalio.Api.Common.V1;

namespace Baton.Durable.Services;

/// <summary>What handlers share: the engine, namespaces and the checks that every request goes through.</summary>
internal abstract class HandlerBase(DurableEngine engine)
{
    protected DurableEngine Engine => engine;

    protected EngineLimits Limits => engine.Limits;

    /// <exception cref="ServiceException">INVALID_ARGUMENT when empty, NOT_FOUND when unknown.</exception>
    protected NamespaceEntry Namespace(string name)
    {
        if (name.Length == 0)
        {
            throw ServiceErrors.InvalidArgument("Namespace not set on request.");
        }

        return engine.Core.Namespaces.TryGet(name, out var entry) ? entry : throw ServiceErrors.NamespaceNotFound(name);
    }

    protected void RequireId(string? value, string field)
    {
        if (string.IsNullOrEmpty(value))
        {
            throw ServiceErrors.InvalidArgument($"{field} is not set on request.");
        }

        RequireLength(value, field);
    }

    protected void RequireLength(string value, string field)
    {
        if (value.Length > Limits.IdLength)
        {
            throw ServiceErrors.InvalidArgument($"{field} length exceeds limit.");
        }
    }

    protected void RequireExecution(WorkflowExecution? execution)
    {
        if (execution is null)
        {
            throw ServiceErrors.InvalidArgument("Execution is not set on request.");
        }

        RequireId(execution.WorkflowId, "WorkflowId");
        if (execution.RunId.Length > 0 && !Guid.TryParse(execution.RunId, out _))
        {
            throw ServiceErrors.InvalidArgument("Invalid RunId.");
        }
    }

    protected void RequireBlob(Google.Protobuf.IMessage? blob, string field)
    {
        if (blob is not null && blob.CalculateSize() is var size && size > Limits.BlobSize)
        {
            throw ServiceErrors.InvalidArgument($"Blob data size exceeds limit. {field} has {size} bytes, the limit is {Limits.BlobSize}.");
        }
    }

    protected static void RequireNotNegative(Google.Protobuf.WellKnownTypes.Duration? duration, string field)
    {
        if (duration is not null && (duration.Seconds < 0 || duration.Nanos < 0))
        {
            throw ServiceErrors.InvalidArgument($"An invalid {field} is set on request: it is negative.");
        }
    }

    /// <summary>The run that an execution names: by run id, else the current one.</summary>
    /// <param name="firstRunId">Run that the chain of an open run must have begun with, whichever run of it is open; empty for any.</param>
    /// <exception cref="ServiceException">NOT_FOUND.</exception>
    protected static WorkflowRun FindRun(Step step, NamespaceEntry space, WorkflowExecution execution, string firstRunId = "")
    {
        WorkflowRun? run;
        var found = execution.RunId.Length > 0 && firstRunId.Length == 0
            ? step.TryFindRun(EntityKind.Workflow, space.Id, execution.WorkflowId, execution.RunId, out run)
            : step.TryFindCurrent(EntityKind.Workflow, space.Id, execution.WorkflowId, out run);
        if (!found)
        {
            throw ServiceErrors.NotFound($"workflow not found for ID: {execution.WorkflowId}{(execution.RunId.Length > 0 ? ", RunId: " + execution.RunId : "")}");
        }

        return firstRunId.Length == 0 || !run!.IsRunning || run.S.FirstRunId == firstRunId
            ? run!
            : throw ServiceErrors.NotFound("Requested workflow is not part of the expected chain of runs.");
    }

    /// <exception cref="ServiceException">NOT_FOUND when there is none, or when it is closed.</exception>
    protected static WorkflowRun FindOpenRun(Step step, NamespaceEntry space, WorkflowExecution execution, string firstRunId = "")
    {
        var run = FindRun(step, space, execution, firstRunId);
        return run.IsRunning ? run : throw ServiceErrors.NotFound("workflow execution already completed");
    }
}
