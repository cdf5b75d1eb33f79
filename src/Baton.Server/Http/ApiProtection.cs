using System.Globalization;
using System.Threading.RateLimiting;
using Baton.Server.Data.Retention;
using Baton.Server.Errors;
using Baton.Server.Identity;
using Baton.Server.Settings;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Server.Http;

/// <summary>What every request passes: rate limits, checks of its body, idempotency keys; and the headers that every answer has.</summary>
internal static class ApiProtection
{
    private const int BurstSeconds = 10;
    private const string StrictTransport = "max-age=31536000";

    public static void AddApiProtection(this IServiceCollection services, HttpSettings settings)
    {
        services.AddSingleton<IRetainedKind, IdempotencyRetention>();
        services.AddRateLimiter(limits =>
        {
            limits.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
            limits.OnRejected = static async (rejected, cancel) =>
            {
                var http = rejected.HttpContext;
                var seconds = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out var after) ? Math.Max(1, (int)Math.Ceiling(after.TotalSeconds)) : 1;
                http.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
                await http.RequestServices.GetRequiredService<IProblemDetailsService>().TryWriteAsync(new()
                {
                    HttpContext = http,
                    ProblemDetails = Problems.Create(StatusCodes.Status429TooManyRequests, ErrorCodes.TooManyRequests, "too many requests", null, $"wait {seconds} s, or raise Http:RequestsPerSecond"),
                });
            };
            if (settings.RequestsPerSecond > 0)
            {
                limits.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(http => RateLimitPartition.GetTokenBucketLimiter(PartitionOf(http), _ => new()
                {
                    TokenLimit = settings.RequestsPerSecond * BurstSeconds,
                    TokensPerPeriod = settings.RequestsPerSecond,
                    ReplenishmentPeriod = TimeSpan.FromSeconds(1),
                    QueueLimit = 0,
                }));
            }
        });
    }

    /// <summary>Before anything that answers.</summary>
    public static void UseAnswerHeaders(this IApplicationBuilder app) => app.Use(static (http, next) =>
    {
        http.Response.OnStarting(static state =>
        {
            var response = (HttpResponse)state;
            response.Headers.XContentTypeOptions = "nosniff";
            response.Headers.XFrameOptions = "DENY";
            response.Headers["Referrer-Policy"] = "no-referrer";
            if (response.HttpContext.Request.IsHttps)
            {
                response.Headers.StrictTransportSecurity = StrictTransport;
            }
            var path = response.HttpContext.Request.Path;
            if (path.StartsWithSegments("/api", StringComparison.Ordinal))
            {
                response.Headers.CacheControl = "no-store";
                response.Headers.ContentSecurityPolicy = "default-src 'none'; frame-ancestors 'none'";
            }
            else if (path.StartsWithSegments("/docs", StringComparison.Ordinal))
            {
                // The reference page starts itself with a script in the page, and draws with styles in it.
                response.Headers.ContentSecurityPolicy = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; frame-ancestors 'none'";
            }
            else if (response.Headers.ContentSecurityPolicy.Count == 0)
            {
                response.Headers.ContentSecurityPolicy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
            }
            return Task.CompletedTask;
        }, http.Response);
        return next(http);
    });

    /// <summary>After authentication and authorization: limits and keys are for each caller.</summary>
    public static void UseApiProtection(this IApplicationBuilder app)
    {
        app.UseRateLimiter();
        app.UseMiddleware<RequestBodies>();
        app.UseMiddleware<Idempotency>();
    }

    private static string PartitionOf(HttpContext http)
    {
        var caller = Caller.Of(http);
        return caller.Kind == CallerKind.Anonymous ? $"address {caller.Address}" : $"caller {caller.Id} {caller.Name}";
    }
}
