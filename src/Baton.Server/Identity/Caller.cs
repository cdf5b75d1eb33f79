using System.Net;
using System.Reflection;
using System.Security.Claims;
using Baton.Server.Errors;
using Microsoft.AspNetCore.Http;

namespace Baton.Server.Identity;

/// <summary>What kind of caller acts.</summary>
internal enum CallerKind
{
    /// <summary>Nobody that is known.</summary>
    Anonymous,

    Person,

    /// <summary>A service account.</summary>
    Service,

    /// <summary>The owner of the data folder, at this machine.</summary>
    Owner,

    /// <summary>The server itself: a schedule, a run, the retention...</summary>
    System,
}

/// <summary>A role on one flow.</summary>
/// <param name="Flow">NAMESPACE/NAME, or NAMESPACE/* for each flow of the namespace.</param>
internal sealed record FlowGrant(string Flow, string Role)
{
    public bool Covers(string flow) => Flow.EndsWith("/*", StringComparison.Ordinal)
        ? flow.StartsWith(Flow.AsSpan(0, Flow.Length - 1), StringComparison.Ordinal)
        : Flow == flow;
}

/// <summary>
/// Who acts, and what they may do. An endpoint takes one as a parameter; hubs and tools ask <see cref="Of(HttpContext)"/>.
/// A token that names permissions (<see cref="ScopeClaim"/>) narrows what its owner's roles and grants allow, and never widens it.
/// </summary>
internal sealed class Caller
{
    /// <summary>A permission that the token is limited to.</summary>
    public const string ScopeClaim = "baton:scope";

    /// <summary>A role on a flow: ROLE, a space, and the flow.</summary>
    public const string GrantClaim = "baton:grant";

    public const string KindClaim = "baton:kind";

    private static readonly HashSet<string> EmptySet = [];
    private static readonly string[] Own = [Identity.Permissions.SelfRead, Identity.Permissions.SelfWrite];

    private readonly HashSet<string>? scopes;

    private Caller(CallerKind kind, Guid? id, string name, IEnumerable<string> roles, IReadOnlyList<FlowGrant> grants, HashSet<string>? scopes)
    {
        Kind = kind;
        Id = id;
        Name = name;
        Roles = roles.ToHashSet(StringComparer.Ordinal);
        Grants = grants;
        this.scopes = scopes;
        var own = kind is CallerKind.Anonymous or CallerKind.System ? [] : Own;
        Permissions = Roles.SelectMany(Of).Concat(own).Where(InScope).ToHashSet(StringComparer.Ordinal);
    }

    public CallerKind Kind { get; }

    /// <summary>The account; null for the owner of the data folder and for the server itself.</summary>
    public Guid? Id { get; }

    public string Name { get; }

    public IReadOnlySet<string> Roles { get; }

    /// <summary>What the caller may do to anything.</summary>
    public IReadOnlySet<string> Permissions { get; }

    /// <summary>The permissions that the caller's token is limited to; null when there is no limit.</summary>
    public IReadOnlySet<string>? Scopes => scopes;

    /// <summary>Roles on single flows.</summary>
    public IReadOnlyList<FlowGrant> Grants { get; }

    /// <summary>Address that the request came from.</summary>
    public IPAddress? Address { get; private init; }

    public string? UserAgent { get; private init; }

    /// <summary>The server itself, acting as one of its parts.</summary>
    /// <param name="part">`retention`, `run ID`...</param>
    public static Caller System(string part) => new(CallerKind.System, null, $"system:{part}", [], [], null);

    public static Caller Of(HttpContext context)
    {
        // Several parts of a request ask; the user changes with its authentication only.
        if (context.Items[typeof(Caller)] is not (ClaimsPrincipal user, Caller caller) || user != context.User)
        {
            caller = Of(context.User, context.Connection.RemoteIpAddress, context.Request.Headers.UserAgent.ToString());
            context.Items[typeof(Caller)] = (context.User, caller);
        }
        return caller;
    }

    public static Caller Of(ClaimsPrincipal user, IPAddress? address = null, string? userAgent = null)
    {
        var known = user.Identity is { IsAuthenticated: true };
        var scopes = user.FindAll(ScopeClaim).Select(claim => claim.Value).ToHashSet(StringComparer.Ordinal);
        return new(
            Enum.TryParse<CallerKind>(user.FindFirstValue(KindClaim), out var kind) ? kind : known ? CallerKind.Person : CallerKind.Anonymous,
            Guid.TryParse(user.FindFirstValue(ClaimTypes.NameIdentifier), out var id) ? id : null,
            user.FindFirstValue(ClaimTypes.Name) ?? "anonymous",
            known ? user.FindAll(ClaimTypes.Role).Select(claim => claim.Value) : [],
            [.. known ? user.FindAll(GrantClaim).Select(claim => claim.Value.Split(' ', 2)).Where(parts => parts.Length == 2).Select(parts => new FlowGrant(parts[1], parts[0])) : []],
            scopes.Count == 0 ? null : scopes)
        {
            Address = address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address,
            UserAgent = string.IsNullOrEmpty(userAgent) ? null : userAgent,
        };
    }

    /// <summary>Whether the caller may do it to anything.</summary>
    public bool May(string permission) => Permissions.Contains(permission);

    /// <param name="flow">NAMESPACE/NAME.</param>
    public bool May(string permission, string flow) =>
        May(permission) || (InScope(permission) && Grants.Any(grant => grant.Covers(flow) && Of(grant.Role).Contains(permission)));

    /// <summary>Whether there may be a flow that the caller may do it to.</summary>
    public bool MaySomewhere(string permission) =>
        May(permission) || (InScope(permission) && Grants.Any(grant => Of(grant.Role).Contains(permission)));

    /// <summary>Flows, as grants name them, that the caller may do it to; null when it is any.</summary>
    public IReadOnlyList<string>? FlowsFor(string permission) =>
        May(permission) ? null : [.. Grants.Where(grant => InScope(permission) && Of(grant.Role).Contains(permission)).Select(grant => grant.Flow)];

    /// <exception cref="BatonException">The caller may not do it to this flow.</exception>
    public void Demand(string permission, string flow)
    {
        if (!May(permission, flow))
        {
            throw new BatonException(ErrorCodes.Forbidden, $"{Name} may not do this to flow {flow}", $"it takes {permission}", "ask an administrator for the role, or for a grant on the flow");
        }
    }

    /// <summary>Makes a caller a parameter of endpoints.</summary>
    public static ValueTask<Caller?> BindAsync(HttpContext context, ParameterInfo parameter) => ValueTask.FromResult<Caller?>(Of(context));

    private static IReadOnlySet<string> Of(string role) => Identity.Roles.Table.GetValueOrDefault(role) ?? EmptySet;

    private bool InScope(string permission) => scopes is null || scopes.Contains(permission);
}
