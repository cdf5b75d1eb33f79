using Baton.Durable.State;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.Nexus.V1;
using Failure = Temporalio.Api.Failure.V1.Failure;
using NexusFailure = Temporalio.Api.Nexus.V1.Failure;

namespace Baton.Durable.Nexus;

/// <summary>
/// Failures of Nexus operations, between Nexus's own form (message, metadata, JSON details) and Temporal's. Workers of today send Temporal's
/// form; older ones and HTTP handlers send the other.
/// </summary>
internal static class NexusFailures
{
    public const string Canceled = "canceled";

    private static readonly JsonParser tolerant = new(JsonParser.Settings.Default.WithIgnoreUnknownFields(true));
    private static readonly string failureType = Failure.Descriptor.FullName;
    private static readonly HashSet<string> nonRetryable =
        ["BAD_REQUEST", "UNAUTHENTICATED", "UNAUTHORIZED", "NOT_FOUND", "CONFLICT", "NOT_IMPLEMENTED"];

    /// <summary>What the workflow sees of an operation that did not succeed.</summary>
    public static Failure OfOperation(NexusOperationState operation, Failure cause) => new()
    {
        Message = "nexus operation completed unsuccessfully",
        Cause = cause,
        NexusOperationExecutionFailureInfo = new NexusOperationFailureInfo
        {
            Endpoint = operation.Endpoint,
            Service = operation.Service,
            Operation = operation.Operation,
            OperationId = operation.OperationToken,
            OperationToken = operation.OperationToken,
            ScheduledEventId = operation.ScheduledEventId,
        },
    };

    public static Failure OfHandler(string type, string message, Failure? cause = null, NexusHandlerErrorRetryBehavior retry = default) => new()
    {
        Message = $"handler error ({type}): {message}",
        Cause = cause ?? new Failure { Message = message, ApplicationFailureInfo = new ApplicationFailureInfo() },
        NexusHandlerFailureInfo = new NexusHandlerFailureInfo { Type = type, RetryBehavior = retry },
    };

    public static Failure OfHandler(HandlerError error) => OfHandler(
        error.ErrorType, error.Failure?.Message ?? "", error.Failure is { } failure ? FromNexus(failure, retryable: true) : null, error.RetryBehavior);

    /// <summary>Whether a request that a handler refused may be sent again: as it says, else by the kind of error.</summary>
    public static bool IsRetryable(Failure failure) => failure.NexusHandlerFailureInfo is not { } info
        ? failure.ApplicationFailureInfo is not { NonRetryable: true } && failure.ServerFailureInfo is not { NonRetryable: true }
        : info.RetryBehavior switch
        {
            NexusHandlerErrorRetryBehavior.Retryable => true,
            NexusHandlerErrorRetryBehavior.NonRetryable => false,
            _ => !nonRetryable.Contains(info.Type),
        };

    public static Failure Timeout(TimeoutType type) => new()
    {
        Message = "operation timed out",
        TimeoutFailureInfo = new TimeoutFailureInfo { TimeoutType = type },
    };

    /// <summary>The failure of an operation that its handler ended in a state, "failed" or "canceled".</summary>
    public static Failure OfState(string state, NexusFailure? failure)
    {
        var converted = FromNexus(failure ?? new NexusFailure(), retryable: false);
        return state != Canceled || converted.CanceledFailureInfo is not null ? converted : new Failure
        {
            Message = converted.Message,
            StackTrace = converted.StackTrace,
            Cause = converted.Cause,
            CanceledFailureInfo = new CanceledFailureInfo(),
        };
    }

    public static Failure FromNexus(NexusFailure failure, bool retryable)
    {
        if (failure.Metadata.TryGetValue("type", out var type) && type == failureType)
        {
            try
            {
                var original = failure.Details.IsEmpty ? new Failure() : tolerant.Parse<Failure>(failure.Details.ToStringUtf8());
                original.Message = failure.Message;
                original.StackTrace = failure.StackTrace.Length > 0 ? failure.StackTrace : original.StackTrace;
                return original;
            }
            catch (Exception e) when (e is InvalidProtocolBufferException or InvalidJsonException)
            {
                // Not what its metadata says: kept as an opaque one.
            }
        }

        var info = new ApplicationFailureInfo { Type = "NexusFailure", NonRetryable = !retryable };
        if (failure.Metadata.Count > 0 || !failure.Details.IsEmpty)
        {
            var opaque = failure.Clone();
            opaque.Message = "";
            info.Details = new Payloads
            {
                Payloads_ =
                {
                    new Payload
                    {
                        Data = ByteString.CopyFromUtf8(JsonFormatter.Default.Format(opaque)),
                        Metadata = { ["encoding"] = ByteString.CopyFromUtf8("json/plain") },
                    },
                },
            };
        }

        return new Failure
        {
            Message = failure.Message,
            StackTrace = failure.StackTrace,
            Cause = failure.Cause is { } cause ? FromNexus(cause, retryable) : null,
            ApplicationFailureInfo = info,
        };
    }

    public static NexusFailure ToNexus(Failure failure)
    {
        var details = failure.Clone();
        details.Message = "";
        details.StackTrace = "";
        return new NexusFailure
        {
            Message = failure.Message,
            StackTrace = failure.StackTrace,
            Metadata = { ["type"] = failureType },
            Details = ByteString.CopyFromUtf8(JsonFormatter.Default.Format(details)),
        };
    }
}
