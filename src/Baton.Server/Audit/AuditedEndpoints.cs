using System.Reflection;
using Baton.Server.Errors;
using Baton.Server.Identity;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Server.Audit;

/// <summary>What an endpoint does, for the audit.</summary>
/// <param name="Target">Route values stand in braces: `flow/{namespace}/{name}`.</param>
internal sealed record AuditedMetadata(string Action, string Target)
{
    public string TargetOf(RouteValueDictionary route) =>
        route.Aggregate(Target, (text, value) => text.Replace($"{{{value.Key}}}", $"{value.Value}", StringComparison.OrdinalIgnoreCase));
}

/// <summary>Says that an endpoint that changes something is left out of the audit, and why.</summary>
internal sealed record NotAuditedMetadata(string Reason);

/// <summary>What the endpoint knows better than its route. A parameter of audited endpoints; all of it may be left empty.</summary>
internal sealed class AuditDraft
{
    /// <summary>In place of the route's: the id of what was made...</summary>
    public string? Target { get; set; }

    /// <summary>See <see cref="AuditDigest"/>.</summary>
    public string? Before { get; set; }

    public string? After { get; set; }

    public string? Run { get; set; }

    public string? Detail { get; set; }

    /// <summary>In place of the request's: who signs in is known only afterwards.</summary>
    public Caller? Caller { get; set; }

    public static ValueTask<AuditDraft> BindAsync(HttpContext context, ParameterInfo parameter) => ValueTask.FromResult(Of(context));

    public static AuditDraft Of(HttpContext context)
    {
        if (context.Items[typeof(AuditDraft)] is not AuditDraft draft)
        {
            context.Items[typeof(AuditDraft)] = draft = new();
        }
        return draft;
    }
}

internal static class AuditedEndpoints
{
    /// <summary>
    /// Records each call that came as far as the endpoint, and each that was refused to a caller who is known. The entry
    /// is on disk before the answer leaves: nothing is acknowledged that the audit does not know.
    /// </summary>
    /// <param name="endpoint">Route whose handler is a delegate with a result (filters do not reach others).</param>
    /// <param name="action">NOUN.VERB.</param>
    /// <param name="target">KIND/NAME; route values stand in braces: `flow/{namespace}/{name}`.</param>
    public static RouteHandlerBuilder Audited(this RouteHandlerBuilder endpoint, string action, string target) =>
        endpoint.WithMetadata(new AuditedMetadata(action, target)).AddEndpointFilter(FilterAsync);

    /// <summary>Leaves an endpoint out that is no GET: a test asks each of them for one or the other.</summary>
    public static T NotAudited<T>(this T endpoint, string reason)
        where T : IEndpointConventionBuilder => endpoint.WithMetadata(new NotAuditedMetadata(reason));

    private static async ValueTask<object?> FilterAsync(EndpointFilterInvocationContext invocation, EndpointFilterDelegate next)
    {
        var context = invocation.HttpContext;
        if (context.Response.StatusCode >= StatusCodes.Status400BadRequest)
        {
            // The request could not be read, so nothing was tried.
            return await next(invocation);
        }
        object? result;
        try
        {
            result = await next(invocation);
        }
        catch (Exception exception) when (exception is not BatonException { Code: ErrorCodes.TooManyAttempts })
        {
            // Attempts beyond the limit are left out: the limit bounds how fast a stranger can fill the audit.
            var known = exception as BatonException;
            await WriteAsync(context, known is null ? AuditOutcome.Failed : AuditOutcome.Refused, known is null ? exception.GetType().Name : $"{known.Code} {known.Message}");
            throw;
        }
        var status = (result as IStatusCodeHttpResult)?.StatusCode ?? context.Response.StatusCode;
        await WriteAsync(context, status < StatusCodes.Status400BadRequest ? AuditOutcome.Done : AuditOutcome.Refused, status < StatusCodes.Status400BadRequest ? null : $"status {status}");
        return result;
    }

    public static Task WriteAsync(HttpContext context, AuditOutcome outcome, string? detail)
    {
        var audited = context.GetEndpoint()!.Metadata.GetRequiredMetadata<AuditedMetadata>();
        var draft = AuditDraft.Of(context);
        return context.RequestServices.GetRequiredService<AuditLog>().WriteAsync(
            new(draft.Caller ?? Caller.Of(context), audited.Action, draft.Target ?? audited.TargetOf(context.Request.RouteValues))
            {
                Before = draft.Before,
                After = draft.After,
                Run = draft.Run,
                Outcome = outcome,
                Detail = draft.Detail ?? detail,
            });
    }
}

/// <summary>Records what a known caller was refused before the endpoint was reached. Strangers could fill the audit: they are in the log only.</summary>
internal sealed class AuditedRefusals : IAuthorizationMiddlewareResultHandler
{
    private readonly AuthorizationMiddlewareResultHandler inner = new();

    public async Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
    {
        if (authorizeResult.Forbidden && context.GetEndpoint()?.Metadata.GetMetadata<AuditedMetadata>() is not null)
        {
            await AuditedEndpoints.WriteAsync(context, AuditOutcome.Refused, "no permission");
        }
        await inner.HandleAsync(next, context, policy, authorizeResult);
    }
}
