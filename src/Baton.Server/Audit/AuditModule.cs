using Baton.Server.Data.Retention;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Server.Audit;

/// <summary>Who did what, when, from where, and how it went; see <see cref="AuditLog"/>.</summary>
internal static class AuditModule
{
    public static void AddAudit(this IServiceCollection services)
    {
        services.AddSingleton<AuditLog>();
        services.AddSingleton<AuditVerifier>();
        services.AddSingleton<AuditRetention>();
        services.AddSingleton<IRetainedKind>(provider => provider.GetRequiredService<AuditRetention>());
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, AuditedRefusals>();
    }
}
