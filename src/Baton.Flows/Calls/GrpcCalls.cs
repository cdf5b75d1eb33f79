using Baton.Flows.Hosting;
using Baton.Jq;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Net.Client;

namespace Baton.Flows.Calls;

/// <summary>
/// <c>call: grpc</c> by the text of a proto file. The arguments are the one message that is sent; a method that streams its
/// answers gives the list of them. TLS is used where <c>host</c> begins with https://, or the port is 443 or not given.
/// </summary>
internal sealed class GrpcCalls(FlowHost host, EgressHttp egress, HttpCalls http, Authenticator authenticator) : ICallHandler
{
    private static readonly Marshaller<byte[]> Bytes = Marshallers.Create(static bytes => bytes, static bytes => bytes);

    public IReadOnlyList<string> Kinds => ["grpc"];

    public async Task<JqValue> CallAsync(CallContext context, CancellationToken cancellationToken)
    {
        var proto = context.Arguments["document"];
        var files = await ProtoFiles.LoadAsync(proto["uri"].GetString(), uri => http.FetchAsync(uri, proto["authentication"], cancellationToken));
        var method = Find(files, context.Arguments["service"]["name"].GetString(), context.Required("method"));
        var json = new ProtoJson(files);
        var request = json.Encode(method.InputType, context.Arguments["arguments"].IsNull ? JqValue.FromObject([]) : context.Arguments["arguments"]);
        var metadata = new Metadata { { "idempotency-key", context.Call.IdempotencyKey } };
        if (await authenticator.HeaderAsync(context.Authentication, cancellationToken) is { } authorization)
        {
            metadata.Add("authorization", authorization.ToString());
        }
        using var channel = GrpcChannel.ForAddress(Address(context.Arguments["service"]), new GrpcChannelOptions
        {
            HttpHandler = egress.Handler,
            DisposeHttpClient = false,
            MaxReceiveMessageSize = host.Policy.MaxResponseBytes,
            LoggerFactory = host.Logging,
        });
        var options = new CallOptions(metadata, (host.Time.GetUtcNow() + (context.Call.Timeout ?? host.Policy.CallTimeout)).UtcDateTime, cancellationToken);
        try
        {
            return await SendAsync(channel.CreateCallInvoker(), method, request, options, json, cancellationToken);
        }
        catch (RpcException error) when (EgressHttp.FindFault(error.Status.DebugException) is { } fault)
        {
            throw fault;
        }
        catch (RpcException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (RpcException error)
        {
            if (error.StatusCode == StatusCode.Unauthenticated)
            {
                await authenticator.ForgetAsync(context.Authentication, cancellationToken);
            }
            throw new FlowFaultException(Fault(method, error.Status));
        }
    }

    private async Task<JqValue> SendAsync(CallInvoker invoker, MethodDescriptor method, byte[] request, CallOptions options, ProtoJson json, CancellationToken cancellationToken)
    {
        var type = (method.IsClientStreaming, method.IsServerStreaming) switch
        {
            (false, false) => MethodType.Unary,
            (true, false) => MethodType.ClientStreaming,
            (false, true) => MethodType.ServerStreaming,
            _ => MethodType.DuplexStreaming,
        };
        var call = new Method<byte[], byte[]>(type, method.Service.FullName, method.Name, Bytes, Bytes);
        switch (type)
        {
            case MethodType.Unary:
                using (var unary = invoker.AsyncUnaryCall(call, null, options, request))
                {
                    return json.Decode(method.OutputType, await unary);
                }
            case MethodType.ClientStreaming:
                using (var stream = invoker.AsyncClientStreamingCall(call, null, options))
                {
                    await stream.RequestStream.WriteAsync(request, cancellationToken);
                    await stream.RequestStream.CompleteAsync();
                    return json.Decode(method.OutputType, await stream);
                }
            case MethodType.ServerStreaming:
                using (var stream = invoker.AsyncServerStreamingCall(call, null, options, request))
                {
                    return await ReadAsync(stream.ResponseStream, method, json, cancellationToken);
                }
            default:
                using (var stream = invoker.AsyncDuplexStreamingCall(call, null, options))
                {
                    await stream.RequestStream.WriteAsync(request, cancellationToken);
                    await stream.RequestStream.CompleteAsync();
                    return await ReadAsync(stream.ResponseStream, method, json, cancellationToken);
                }
        }
    }

    private async Task<JqValue> ReadAsync(IAsyncStreamReader<byte[]> stream, MethodDescriptor method, ProtoJson json, CancellationToken cancellationToken)
    {
        var messages = new List<JqValue>();
        var size = 0L;
        while (await stream.MoveNext(cancellationToken))
        {
            if ((size += stream.Current.Length) > host.Policy.MaxResponseBytes)
            {
                throw new FlowFaultException(FlowErrors.Communication($"The stream of {method.FullName} is larger than {host.Policy.MaxResponseBytes:N0} bytes.", 502, "Response too large"));
            }
            messages.Add(json.Decode(method.OutputType, stream.Current));
        }
        return JqValue.FromArray(messages);
    }

    private static MethodDescriptor Find(IReadOnlyList<FileDescriptor> files, string service, string method)
    {
        var services = files.SelectMany(f => f.Services).ToList();
        var found = services.Find(s => s.FullName == service)
            ?? throw new FlowFaultException(FlowErrors.Configuration($"The proto file has no service '{service}'; it has {string.Join(", ", services.Select(s => s.FullName))}."));
        return found.FindMethodByName(method)
            ?? throw new FlowFaultException(FlowErrors.Configuration($"The service '{service}' has no method '{method}'; it has {string.Join(", ", found.Methods.Select(m => m.Name))}."));
    }

    private static Uri Address(JqValue service)
    {
        var name = service["host"].GetString();
        var port = service["port"].Kind == JqKind.Number ? (int?)service["port"].GetDouble() : null;
        var text = name.Contains("://", StringComparison.Ordinal) ? name : $"{(port is null or 443 ? "https" : "http")}://{name}";
        var address = HttpCalls.Address(text, JqValue.Null);
        return port is { } given ? new UriBuilder(address) { Port = given }.Uri : address;
    }

    /// <summary>Codes that the language has errors for become those; any other is a communication error with the HTTP status that gRPC gives it.</summary>
    private static FlowError Fault(MethodDescriptor method, Status status)
    {
        var detail = $"{method.FullName} answered {status.StatusCode}: {status.Detail}";
        return status.StatusCode switch
        {
            StatusCode.Unauthenticated => FlowErrors.Authentication(detail),
            StatusCode.PermissionDenied => FlowErrors.Authorization(detail),
            StatusCode.DeadlineExceeded => FlowErrors.Timeout(detail),
            _ => FlowErrors.Communication(detail, status.StatusCode switch
            {
                StatusCode.InvalidArgument or StatusCode.FailedPrecondition or StatusCode.OutOfRange => 400,
                StatusCode.NotFound => 404,
                StatusCode.AlreadyExists or StatusCode.Aborted => 409,
                StatusCode.ResourceExhausted => 429,
                StatusCode.Cancelled => 499,
                StatusCode.Unimplemented => 501,
                StatusCode.Unavailable => 503,
                _ => 500,
            }, status.StatusCode.ToString()),
        };
    }
}
