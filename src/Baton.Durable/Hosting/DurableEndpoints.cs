using Baton.Durable.Nexus;
using Grpc.AspNetCore.Server;
using Grpc.AspNetCore.Server.Model;
using Grpc.Health.V1;
using Grpc.HealthCheck;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Durable.Hosting;

/// <summary>What a composed engine offers to the transport.</summary>
/// <param name="Engine">Stopped after the last call has ended.</param>
/// <param name="Nexus">Served over HTTP, beside gRPC.</param>
internal sealed record DurableHost(
    IReadOnlyList<object> WorkflowHandlers, IReadOnlyList<object> OperatorHandlers, IReadOnlyList<object> TestHandlers, IAsyncDisposable Engine,
    NexusHttpServer? Nexus = null);

/// <summary>Mounts the services on any ASP.NET Core application whose listener speaks HTTP/2.</summary>
internal static class DurableEndpoints
{
    /// <summary>What is healthy as long as it answers; the empty name stands for the server as a whole.</summary>
    private static readonly string[] healthy =
    [
        "",
        Temporalio.Api.WorkflowService.V1.ServiceReflection.Descriptor.Services[0].FullName,
        Temporalio.Api.OperatorService.V1.ServiceReflection.Descriptor.Services[0].FullName,
    ];

    public static IServiceCollection AddDurable(this IServiceCollection services, DurableHost host, DurableServerOptions options)
    {
        services.AddGrpc(grpc =>
        {
            // The gate has compared the length already, and answers in the words that SDKs look for.
            grpc.MaxReceiveMessageSize = null;
            grpc.MaxSendMessageSize = null;
            grpc.CompressionProviders = [new GzipRequests(options.Limits.RequestBytes)];
        });
        services.AddSingleton(new ApiKeyRing(options.ApiKeys, options.Authenticator));
        services.AddSingleton(options.Limits);
        services.AddSingleton(new PollLimiter(options.Limits.ConcurrentPolls));
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<RequestGate>();
        services.AddSingleton<CallPipeline>();
        services.AddSingleton(Health());
        services.AddSingleton(new HealthList(healthy)).AddSingleton<IServiceMethodProvider<HealthList>, HealthListBinder>();
        services.AddService(new WorkflowServiceHandlers(host.WorkflowHandlers));
        services.AddService(new OperatorServiceHandlers(host.OperatorHandlers));
        return options.TimeSkipping ? services.AddService(new TestServiceHandlers(host.TestHandlers)) : services;
    }

    public static void MapDurable(this IEndpointRouteBuilder endpoints, DurableHost host)
    {
        host.Nexus?.Map(endpoints, endpoints.ServiceProvider.GetRequiredService<ApiKeyRing>());
        var gate = endpoints.ServiceProvider.GetRequiredService<RequestGate>();
        Map<WorkflowServiceHandlers>();
        Map<OperatorServiceHandlers>();
        if (endpoints.ServiceProvider.GetService<TestServiceHandlers>() is not null)
        {
            Map<TestServiceHandlers>();
        }
        Map<HealthServiceImpl>(needsKey: false);
        Map<HealthList>(needsKey: false);

        void Map<TService>(bool needsKey = true) where TService : class =>
            endpoints.MapGrpcService<TService>().Add(endpoint =>
            {
                var next = endpoint.RequestDelegate ?? throw new InvalidOperationException($"Endpoint {endpoint.DisplayName} has no delegate.");
                endpoint.RequestDelegate = context => gate.InvokeAsync(context, next, needsKey);
            });
    }

    private static IServiceCollection AddService<TService>(this IServiceCollection services, TService service) where TService : ServiceHandlers =>
        services.AddSingleton(service).AddSingleton<IServiceMethodProvider<TService>, GrpcBinder<TService>>();

    private static HealthServiceImpl Health()
    {
        var health = new HealthServiceImpl();
        foreach (var service in healthy)
        {
            health.SetStatus(service, HealthCheckResponse.Types.ServingStatus.Serving);
        }
        return health;
    }
}
