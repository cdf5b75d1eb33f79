using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Commands;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Google.Protobuf;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.WorkflowService.V1;
using CallbackState = Temporalio.Api.Enums.V1.CallbackState;

namespace Baton.Durable.Nexus;

/// <summary>A standalone Nexus operation begins, unless its id is in use. What is checked and scheduled is the command that a workflow would give.</summary>
internal static class StartStandaloneNexusOperation
{
    public static ScheduleNexusOperationCommandAttributes Command(StartNexusOperationExecutionRequest request) => new()
    {
        Endpoint = request.Endpoint,
        Service = request.Service,
        Operation = request.Operation,
        Input = request.Input,
        ScheduleToCloseTimeout = request.ScheduleToCloseTimeout,
        ScheduleToStartTimeout = request.ScheduleToStartTimeout,
        StartToCloseTimeout = request.StartToCloseTimeout,
        NexusHeader = { request.NexusHeader },
    };

    /// <summary>The operation that the request is answered with instead of a new one, or null.</summary>
    /// <exception cref="ServiceException">ALREADY_EXISTS: the policies forbid the id.</exception>
    public static StandaloneNexusOperation? FindExisting(Step step, NamespaceEntry space, StartNexusOperationExecutionRequest request)
    {
        if (!step.TryFindCurrent<StandaloneNexusOperation>(EntityKind.NexusOperation, space.Id, request.OperationId, out var current))
        {
            return null;
        }

        if (current.S.StartRequestId == request.RequestId || current.S.AttachedRequestIds.Contains(request.RequestId))
        {
            return current;
        }

        var isFree = current.IsRunning ? request.IdConflictPolicy == NexusOperationIdConflictPolicy.UseExisting : request.IdReusePolicy switch
        {
            NexusOperationIdReusePolicy.RejectDuplicate => false,
            NexusOperationIdReusePolicy.AllowDuplicateFailedOnly => current.Status != NexusOperationExecutionStatus.Completed,
            _ => true,
        };
        return !isFree
            ? throw ServiceErrors.NexusOperationExecutionAlreadyStarted("nexus operation execution already started", current.S.StartRequestId, current.RunId)
            : current.IsRunning ? current : null;
    }

    public static StandaloneNexusOperation Apply(Step step, NamespaceEntry space, StartNexusOperationExecutionRequest request)
    {
        var scheduled = new HistoryEvent
        {
            EventId = StandaloneNexusOperation.OperationKey,
            EventType = EventType.NexusOperationScheduled,
            EventTime = Instant.ToTimestamp(step.Now),
            NexusOperationScheduledEventAttributes = ScheduleNexusOperation.Scheduled(step.Core, Command(request), runTimeout: 0),
        };
        var state = new StandaloneNexusOperationState
        {
            Operation = AttemptNexusOperation.New(scheduled, step.Now),
            Scheduled = scheduled.ToByteString(),
            Status = (int)NexusOperationExecutionStatus.Running,
            StartRequestId = request.RequestId,
            Identity = request.Identity,
            UserMetadata = request.UserMetadata?.ToByteString() ?? ByteString.Empty,
            SearchAttributes = request.SearchAttributes?.ToByteString() ?? ByteString.Empty,
        };
        DeliverCallbacks.Add(step, state.Callbacks, request.CompletionCallbacks, request.RequestId);
        AddLinks(state, request);
        var standalone = new StandaloneNexusOperation(step.Core, step.Core.NewRunKey(), space.Id, request.OperationId, Step.NewRunId(), state);
        step.Add(standalone);
        AttemptNexusOperation.Begin(step, standalone, standalone.Operation);
        return standalone;
    }

    /// <summary>A start that found its id in use may leave its callbacks and links with the operation that has it.</summary>
    public static void Attach(Step step, StandaloneNexusOperation operation, StartNexusOperationExecutionRequest request)
    {
        if (request.OnConflictOptions is not { } options)
        {
            return;
        }

        if (options.AttachCompletionCallbacks)
        {
            DeliverCallbacks.Add(step, operation.S.Callbacks, request.CompletionCallbacks, request.RequestId);
        }

        if (options.AttachLinks)
        {
            AddLinks(operation.S, request);
        }

        if (options.AttachRequestId)
        {
            operation.S.AttachedRequestIds.Add(request.RequestId);
        }

        step.Touch(operation);
    }

    private static void AddLinks(StandaloneNexusOperationState state, StartNexusOperationExecutionRequest request) =>
        state.Links.AddRange(request.Links.Select(static link => link.ToByteString()).Except(state.Links));
}
