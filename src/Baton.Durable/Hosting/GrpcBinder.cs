using System.Reflection;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;

namespace Baton.Durable.Hosting;

/// <summary>The handlers that answer one service. A handler is a plain object; its public methods are found by name.</summary>
internal abstract class ServiceHandlers(ServiceDescriptor service, IReadOnlyList<object> handlers)
{
    public ServiceDescriptor Service => service;

    public IReadOnlyList<object> Handlers => handlers;
}

internal sealed class WorkflowServiceHandlers(IReadOnlyList<object> handlers)
    : ServiceHandlers(Temporalio.Api.WorkflowService.V1.ServiceReflection.Descriptor.Services[0], handlers);

internal sealed class OperatorServiceHandlers(IReadOnlyList<object> handlers)
    : ServiceHandlers(Temporalio.Api.OperatorService.V1.ServiceReflection.Descriptor.Services[0], handlers);

internal sealed class TestServiceHandlers(IReadOnlyList<object> handlers)
    : ServiceHandlers(Temporalio.Api.TestService.V1.ServiceReflection.Descriptor.Services[0], handlers);

/// <summary>
/// Binds every method of a service's descriptor to the handler method of its name, <c>Task&lt;TResponse&gt; Name(TRequest, CallContext)</c>,
/// as a delegate made once at start. A method that no handler has answers UNIMPLEMENTED with its name.
/// </summary>
/// <typeparam name="TService">The singleton that stands for the service in ASP.NET Core's gRPC.</typeparam>
internal sealed class GrpcBinder<TService>(TService service, CallPipeline pipeline) : IServiceMethodProvider<TService>
    where TService : ServiceHandlers
{
    private static readonly MethodInfo BindMethod = typeof(GrpcBinder<TService>).GetMethod(nameof(Bind), BindingFlags.Instance | BindingFlags.NonPublic)!;

    public void OnServiceMethodDiscovery(ServiceMethodProviderContext<TService> context)
    {
        foreach (var method in service.Service.Methods)
        {
            BindMethod.MakeGenericMethod(method.InputType.ClrType, method.OutputType.ClrType)
                .Invoke(this, BindingFlags.DoNotWrapExceptions, binder: null, [context, method], culture: null);
        }
    }

    private void Bind<TRequest, TResponse>(ServiceMethodProviderContext<TService> context, MethodDescriptor method)
        where TRequest : class, IMessage<TRequest>, IBufferMessage, new()
        where TResponse : class, IMessage<TResponse>, IBufferMessage, new()
    {
        var grpcMethod = new Method<TRequest, TResponse>(MethodType.Unary, service.Service.FullName, method.Name,
            ProtoMarshaller<TRequest>.Instance, ProtoMarshaller<TResponse>.Instance);
        var handler = Find<TRequest, TResponse>(method.Name);
        var invoker = handler is null
            ? (_, _, _) => throw ServiceErrors.Unimplemented(method.Name)
            : pipeline.Wrap<TService, TRequest, TResponse>(method, handler);
        context.AddUnaryMethod(grpcMethod, [], invoker);
    }

    private Func<TRequest, CallContext, Task<TResponse>>? Find<TRequest, TResponse>(string name)
    {
        Func<TRequest, CallContext, Task<TResponse>>? found = null;
        foreach (var handler in service.Handlers)
        {
            if (handler.GetType().GetMethod(name) is not { } method)
            {
                continue;
            }
            if (method.ReturnType != typeof(Task<TResponse>) || !method.GetParameters().Select(p => p.ParameterType).SequenceEqual([typeof(TRequest), typeof(CallContext)]))
            {
                throw new InvalidOperationException(
                    $"{handler.GetType().Name}.{name} must be Task<{typeof(TResponse).Name}> {name}({typeof(TRequest).Name}, {nameof(CallContext)}).");
            }
            if (found is not null)
            {
                throw new InvalidOperationException($"{name} is handled twice: by {found.Target!.GetType().Name} and by {handler.GetType().Name}.");
            }
            found = method.CreateDelegate<Func<TRequest, CallContext, Task<TResponse>>>(handler);
        }
        return found;
    }
}
