using Baton.Durable.Engine;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Baton.Durable.Services;
using Baton.Durable.State;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Nexus;

/// <summary>
/// Calls of this server's own API that a workflow makes as Nexus operations, through an endpoint that needs no worker. They are carried out in the
/// step that schedules them, so that they happen once whatever crashes.
/// </summary>
internal static class SystemNexus
{
    public const string Endpoint = "__temporal_system";

    private const string Service = "temporal.api.workflowservice.v1.WorkflowService";
    private const string BinaryProto = "binary/protobuf";
    private const string JsonProto = "json/protobuf";

    private static readonly JsonParser tolerant = new(JsonParser.Settings.Default.WithIgnoreUnknownFields(true));

    public static void Invoke(Step step, INexusCaller caller, NexusOperationState operation)
    {
        var scheduled = caller.ScheduledEvent(operation)().NexusOperationScheduledEventAttributes;
        try
        {
            if (operation.Service != Service || operation.Operation != nameof(WorkflowHandler.SignalWithStartWorkflowExecution))
            {
                throw ServiceErrors.NotFound($"{operation.Service}/{operation.Operation} is no operation of {Endpoint}");
            }

            var request = Read<SignalWithStartWorkflowExecutionRequest>(scheduled.Input);
            request.Namespace = request.Namespace.Length > 0 ? request.Namespace : NamespaceOf(caller);
            request.RequestId = request.RequestId.Length > 0 ? request.RequestId : operation.RequestId;
            var space = caller.Core.Namespaces.TryGet(request.Namespace, out var found) ? found : throw ServiceErrors.NamespaceNotFound(request.Namespace);
            var response = new SignalWithStart(request, space, caller.Core.Limits).Apply(step);
            EndNexusOperation.Complete(step, caller, operation, Write(response, scheduled.Input), []);
        }
        catch (ServiceException refusal)
        {
            EndNexusOperation.Fail(step, caller, operation, NexusFailures.OfHandler(HandlerErrorOf(refusal.StatusCode), refusal.Status.Detail));
        }
    }

    private static string NamespaceOf(INexusCaller caller) =>
        caller.Core.Namespaces.TryGetById(caller.Entity.NamespaceId, out var space) ? space.Name : "";

    private static T Read<T>(Payload? input)
        where T : IMessage<T>, new()
    {
        try
        {
            return EncodingOf(input) switch
            {
                BinaryProto => new MessageParser<T>(static () => new T()).ParseFrom(input!.Data),
                JsonProto => tolerant.Parse<T>(input!.Data.ToStringUtf8()),
                var other => throw ServiceErrors.InvalidArgument($"Input has the encoding '{other}'; {BinaryProto} and {JsonProto} are understood."),
            };
        }
        catch (Exception malformed) when (malformed is InvalidProtocolBufferException or InvalidJsonException)
        {
            throw ServiceErrors.InvalidArgument($"Input is no {new T().Descriptor.FullName}: {malformed.Message}");
        }
    }

    /// <summary>The answer in the encoding of the question.</summary>
    private static Payload Write(IMessage answer, Payload question)
    {
        var encoding = EncodingOf(question);
        return new Payload
        {
            Metadata =
            {
                ["encoding"] = ByteString.CopyFromUtf8(encoding),
                ["messageType"] = ByteString.CopyFromUtf8(answer.Descriptor.FullName),
            },
            Data = encoding == BinaryProto ? answer.ToByteString() : ByteString.CopyFromUtf8(JsonFormatter.Default.Format(answer)),
        };
    }

    private static string EncodingOf(Payload? payload) =>
        payload is not null && payload.Metadata.TryGetValue("encoding", out var encoding) ? encoding.ToStringUtf8() : "";

    private static string HandlerErrorOf(Grpc.Core.StatusCode code) => code switch
    {
        Grpc.Core.StatusCode.InvalidArgument or Grpc.Core.StatusCode.FailedPrecondition => "BAD_REQUEST",
        Grpc.Core.StatusCode.NotFound => "NOT_FOUND",
        Grpc.Core.StatusCode.AlreadyExists => "CONFLICT",
        _ => "INTERNAL",
    };
}
