using Grpc.AspNetCore.Server.Model;
using Grpc.Core;
using Grpc.Health.V1;

namespace Baton.Durable.Hosting;

/// <summary>How all services of the server are, in one call: <c>grpc.health.v1.Health/List</c>, which stands beside what the package has of that service.</summary>
internal sealed class HealthList(IReadOnlyList<string> services)
{
    public HealthListResponse List() => new()
    {
        Statuses = { services.ToDictionary(static service => service, static _ => new HealthStatus { Status = (int)HealthCheckResponse.Types.ServingStatus.Serving }) },
    };
}

internal sealed class HealthListBinder : IServiceMethodProvider<HealthList>
{
    public void OnServiceMethodDiscovery(ServiceMethodProviderContext<HealthList> context) => context.AddUnaryMethod(
        new Method<HealthListRequest, HealthListResponse>(
            MethodType.Unary, "grpc.health.v1.Health", "List", ProtoMarshaller<HealthListRequest>.Instance, ProtoMarshaller<HealthListResponse>.Instance),
        [],
        static (health, _, _) => Task.FromResult(health.List()));
}
