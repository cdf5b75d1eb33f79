using Baton.Durable.Storage;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Hosting;

/// <summary>
/// What happens around every handler: long polls are counted, and whatever a handler throws becomes a status that tells the
/// caller what it needs and nothing of the inside.
/// </summary>
internal sealed partial class CallPipeline(PollLimiter polls, TimeProvider clock, ILogger<CallPipeline> log)
{
    public UnaryServerMethod<TService, TRequest, TResponse> Wrap<TService, TRequest, TResponse>(
        MethodDescriptor method, Func<TRequest, CallContext, Task<TResponse>> handler)
        where TService : class
        where TRequest : class, IMessage
        where TResponse : class
    {
        handler = Guarded(method, handler);
        var name = method.Name;
        var isPoll = name.StartsWith("Poll", StringComparison.Ordinal);
        if (isPoll || typeof(TRequest) == typeof(GetWorkflowExecutionHistoryRequest))
        {
            var ns = method.InputType.FindFieldByName("namespace").Accessor;
            return (_, request, call) => isPoll || request is GetWorkflowExecutionHistoryRequest { WaitNewEvent: true }
                ? PollAsync(name, (string)ns.GetValue(request), handler, request, call)
                : InvokeAsync(name, handler, request, call);
        }
        return (_, request, call) => InvokeAsync(name, handler, request, call);
    }

    /// <summary>Refuses callers who may not do it in the namespace that the request names.</summary>
    private static Func<TRequest, CallContext, Task<TResponse>> Guarded<TRequest, TResponse>(MethodDescriptor method, Func<TRequest, CallContext, Task<TResponse>> handler)
        where TRequest : class, IMessage
    {
        if (DurableMethods.AccessOf(method.Name) is not { } access)
        {
            return handler;
        }
        var ns = method.InputType.FindFieldByName("namespace") is { FieldType: FieldType.String } field ? field.Accessor : null;
        return (request, call) => call.Caller is null || call.Caller.May((string?)ns?.GetValue(request), access)
            ? handler(request, call)
            : throw ServiceErrors.PermissionDenied("Request unauthorized.");
    }

    private async Task<TResponse> PollAsync<TRequest, TResponse>(
        string name, string ns, Func<TRequest, CallContext, Task<TResponse>> handler, TRequest request, ServerCallContext call)
    {
        polls.Enter(ns, name);
        try
        {
            return await InvokeAsync(name, handler, request, call);
        }
        finally
        {
            polls.Leave(ns, name);
        }
    }

    private async Task<TResponse> InvokeAsync<TRequest, TResponse>(
        string name, Func<TRequest, CallContext, Task<TResponse>> handler, TRequest request, ServerCallContext call)
    {
        try
        {
            return await handler(request, new CallContext(call, clock));
        }
        catch (RpcException)
        {
            throw;
        }
        catch (OperationCanceledException) when (call.CancellationToken.IsCancellationRequested)
        {
            throw ServiceErrors.Canceled("the caller is gone or its deadline passed");
        }
        catch (StoreException e)
        {
            LogStore(e, name);
            throw ServiceErrors.Unavailable($"The store refused the write; nothing of this call was kept: {e.Message}");
        }
        catch (Exception e)
        {
            var id = Guid.NewGuid().ToString("N")[..12];
            LogUnexpected(e, name, id);
            throw ServiceErrors.Internal($"Unexpected error in {name}; the server's log has it under id {id}.");
        }
    }

    [LoggerMessage(EventIds.StoreUnavailable, LogLevel.Error, "The store failed under {Method}")]
    private partial void LogStore(Exception error, string method);

    [LoggerMessage(EventIds.UnexpectedError, LogLevel.Error, "Unexpected error in {Method}, id {ErrorId}")]
    private partial void LogUnexpected(Exception error, string method, string errorId);
}
