using Baton.Server.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Server.Egress;

internal static class EgressModule
{
    public static void AddEgress(this IServiceCollection services, EgressSettings settings)
    {
        services.AddSingleton(new EgressPolicy(settings));
        services.AddSingleton(provider => new EgressHttp(provider.GetRequiredService<EgressPolicy>()));
    }
}
