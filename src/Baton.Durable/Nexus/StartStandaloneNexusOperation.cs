using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Commands;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Baton.Durable.Standalone;
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
    public static StandaloneNexusOperation? FindExisting(Step step, NamespaceEntry space, StartNexusOperationExecutionRequest request) =>
        StandaloneStart.FindExisting<StandaloneNexusOperation>(
            step,
            EntityKind.NexusOperation,
            space,
            request.OperationId,
            request.RequestId,
            current => current.IsRunning ? request.IdConflictPolicy == NexusOperationIdConflictPolicy.UseExisting : request.IdReusePolicy switch
            {
                NexusOperationIdReusePolicy.RejectDuplicate => false,
                NexusOperationIdReusePolicy.AllowDuplicateFailedOnly => current.Status != NexusOperationExecutionStatus.Completed,
                _ => true,
            },
            static (startRequestId, runId) => ServiceErrors.NexusOperationExecutionAlreadyStarted("nexus operation execution already started", startRequestId, runId));

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
        StandaloneStart.AddLinks(state, request.Links);
        var standalone = new StandaloneNexusOperation(step.Core, step.Core.NewRunKey(), space.Id, request.OperationId, Step.NewRunId(), state);
        step.Add(standalone);
        AttemptNexusOperation.Begin(step, standalone, standalone.Operation);
        return standalone;
    }
}
