using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;

namespace Baton.Durable.Execution;

/// <summary>Failures that the server itself makes.</summary>
internal static class Failures
{
    public const string Source = "Server";

    public static Failure Timeout(TimeoutType type, string message, Payloads? lastHeartbeat = null, Failure? cause = null) => new()
    {
        Message = message,
        Source = Source,
        Cause = cause,
        TimeoutFailureInfo = new TimeoutFailureInfo { TimeoutType = type, LastHeartbeatDetails = lastHeartbeat },
    };

    public static Failure Server(string message, bool nonRetryable = false) => new()
    {
        Message = message,
        Source = Source,
        ServerFailureInfo = new ServerFailureInfo { NonRetryable = nonRetryable },
    };

    /// <summary>Of an update that was accepted, and that the run did not complete before it closed.</summary>
    public static Failure UpdateOfClosedRun() => Application(
        "Workflow Update failed because the Workflow completed before the Update completed.", "AcceptedUpdateCompletedWorkflow", nonRetryable: true);

    public static Failure Application(string message, string type, bool nonRetryable) => new()
    {
        Message = message,
        Source = Source,
        ApplicationFailureInfo = new ApplicationFailureInfo { Type = type, NonRetryable = nonRetryable },
    };
}
