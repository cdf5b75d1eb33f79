using Grpc.Core;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.ErrorDetails.V1;
using Temporalio.Api.Failure.V1;

namespace Baton.Durable.Hosting;

/// <summary>The errors of Temporal's API, each with the status code and detail that SDKs recognise it by.</summary>
internal static class ServiceErrors
{
    public static ServiceException InvalidArgument(string message) => new(StatusCode.InvalidArgument, message);

    public static ServiceException FailedPrecondition(string message) => new(StatusCode.FailedPrecondition, message);

    public static ServiceException AlreadyExists(string message) => new(StatusCode.AlreadyExists, message);

    public static ServiceException Aborted(string message) => new(StatusCode.Aborted, message);

    public static ServiceException Unavailable(string message) => new(StatusCode.Unavailable, message);

    public static ServiceException Internal(string message) => new(StatusCode.Internal, message);

    public static ServiceException DataLoss(string message) => new(StatusCode.DataLoss, message);

    public static ServiceException DeadlineExceeded(string message) => new(StatusCode.DeadlineExceeded, message);

    public static ServiceException Canceled(string message) => new(StatusCode.Cancelled, message);

    public static ServiceException Unauthenticated(string message) => new(StatusCode.Unauthenticated, message);

    public static ServiceException Unimplemented(string method) => new(StatusCode.Unimplemented, $"{method} is not implemented by this server");

    public static ServiceException NotFound(string message) => new(StatusCode.NotFound, message, new NotFoundFailure());

    public static ServiceException WorkflowExecutionAlreadyStarted(string message, string startRequestId, string runId, string firstExecutionRunId = "") =>
        new(StatusCode.AlreadyExists, message, new WorkflowExecutionAlreadyStartedFailure
        {
            StartRequestId = startRequestId,
            RunId = runId,
            FirstExecutionRunId = firstExecutionRunId,
        });

    public static ServiceException ActivityExecutionAlreadyStarted(string message, string startRequestId, string runId) =>
        new(StatusCode.AlreadyExists, message, new ActivityExecutionAlreadyStartedFailure { StartRequestId = startRequestId, RunId = runId });

    public static ServiceException NexusOperationExecutionAlreadyStarted(string message, string startRequestId, string runId) =>
        new(StatusCode.AlreadyExists, message, new NexusOperationExecutionAlreadyStartedFailure { StartRequestId = startRequestId, RunId = runId });

    public static ServiceException CancellationAlreadyRequested(string message) =>
        new(StatusCode.AlreadyExists, message, new CancellationAlreadyRequestedFailure());

    public static ServiceException NamespaceNotFound(string name) =>
        new(StatusCode.NotFound, $"Namespace {name} is not found.", new NamespaceNotFoundFailure { Namespace = name });

    public static ServiceException NamespaceAlreadyExists(string message) =>
        new(StatusCode.AlreadyExists, message, new NamespaceAlreadyExistsFailure());

    public static ServiceException NamespaceInvalidState(string name, NamespaceState state, params IEnumerable<NamespaceState> allowed)
    {
        var detail = new NamespaceInvalidStateFailure { Namespace = name, State = state };
        detail.AllowedStates.AddRange(allowed);
        return new(StatusCode.FailedPrecondition, $"Namespace {name} has state {state}, but this call needs {string.Join(" or ", detail.AllowedStates)}.", detail);
    }

    public static ServiceException NamespaceNotActive(string name, string currentCluster, string activeCluster) =>
        new(StatusCode.FailedPrecondition, $"Namespace {name} is active in {activeCluster}, not in {currentCluster}.", new NamespaceNotActiveFailure
        {
            Namespace = name,
            CurrentCluster = currentCluster,
            ActiveCluster = activeCluster,
        });

    public static ServiceException NamespaceUnavailable(string name) =>
        new(StatusCode.Unavailable, $"Namespace {name} is unavailable.", new NamespaceUnavailableFailure { Namespace = name });

    public static ServiceException QueryFailed(string message, Failure? failure = null) =>
        new(StatusCode.InvalidArgument, message, new QueryFailedFailure { Failure = failure });

    public static ServiceException WorkflowNotReady(string message) =>
        new(StatusCode.FailedPrecondition, message, new WorkflowNotReadyFailure());

    public static ServiceException PermissionDenied(string message, string reason = "") =>
        new(StatusCode.PermissionDenied, message, new PermissionDeniedFailure { Reason = reason });

    public static ServiceException ResourceExhausted(
        ResourceExhaustedCause cause, string message, ResourceExhaustedScope scope = ResourceExhaustedScope.Namespace) =>
        new(StatusCode.ResourceExhausted, message, new ResourceExhaustedFailure { Cause = cause, Scope = scope });

    public static ServiceException SystemWorkflow(Temporalio.Api.Common.V1.WorkflowExecution execution, string error) =>
        new(StatusCode.Internal, $"System workflow {execution.WorkflowId} failed: {error}", new SystemWorkflowFailure { WorkflowExecution = execution, WorkflowError = error });

    public static ServiceException NewerBuildExists(string defaultBuildId) =>
        new(StatusCode.OutOfRange, $"Task queue has a newer build: {defaultBuildId}", new NewerBuildExistsFailure { DefaultBuildId = defaultBuildId });

    public static ServiceException ClientVersionNotSupported(string name, string version, string supported) =>
        new(StatusCode.FailedPrecondition, $"Client {name} {version} is not supported; supported versions: {supported}", new ClientVersionNotSupportedFailure
        {
            ClientName = name,
            ClientVersion = version,
            SupportedVersions = supported,
        });

    public static ServiceException ServerVersionNotSupported(string serverVersion, string clientSupports) =>
        new(StatusCode.FailedPrecondition, $"Client supports servers {clientSupports}, but this one is {serverVersion}", new ServerVersionNotSupportedFailure
        {
            ServerVersion = serverVersion,
            ClientSupportedServerVersions = clientSupports,
        });

    public static ServiceException WorkflowTaskCompletionBufferLost(string message) =>
        new(StatusCode.Aborted, message, new WorkflowTaskCompletionBufferLostFailure());

    /// <summary>
    /// A batch of operations of which none took effect. The whole has the code of the first that is not null; a null one was
    /// not tried, and says so as an aborted operation.
    /// </summary>
    public static ServiceException MultiOperationExecution(string message, IReadOnlyList<ServiceException?> operations)
    {
        var detail = new MultiOperationExecutionFailure();
        foreach (var operation in operations)
        {
            var status = (operation ?? MultiOperationAborted()).ToStatus();
            detail.Statuses.Add(new MultiOperationExecutionFailure.Types.OperationStatus
            {
                Code = status.Code,
                Message = status.Message,
                Details = { status.Details },
            });
        }
        var code = operations.FirstOrDefault(o => o is not null)?.StatusCode ?? StatusCode.Aborted;
        return new(code, message, detail);
    }

    private static ServiceException MultiOperationAborted() =>
        new(StatusCode.Aborted, "Operation was aborted.", new MultiOperationExecutionAborted());
}
