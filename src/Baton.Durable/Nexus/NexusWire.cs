using Temporalio.Api.Nexus.V1;

namespace Baton.Durable.Nexus;

/// <summary>Names and codes of Nexus over HTTP, as server and as client.</summary>
internal static class NexusWire
{
    public const string CallbackPrefix = "Nexus-Callback-";
    public const string Link = "Nexus-Link";
    public const string OperationState = "Nexus-Operation-State";
    public const string OperationToken = "Nexus-Operation-Token";
    public const string OperationStartTime = "Nexus-Operation-Start-Time";
    public const string OperationCloseTime = "Nexus-Operation-Close-Time";
    public const string RequestId = "Nexus-Request-Id";
    public const string Retryable = "Nexus-Request-Retryable";

    /// <summary>The answer of an operation that came to no success, which is no error of its handler.</summary>
    public const int Unsuccessful = 424;

    private const string Internal = "INTERNAL";
    private const int InternalStatus = 500;

    private static readonly (string Type, int Status)[] errors =
    [
        ("BAD_REQUEST", 400),
        ("UNAUTHENTICATED", 401),
        ("UNAUTHORIZED", 403),
        ("NOT_FOUND", 404),
        ("REQUEST_TIMEOUT", 408),
        ("CONFLICT", 409),
        ("RESOURCE_EXHAUSTED", 429),
        (Internal, InternalStatus),
        ("NOT_IMPLEMENTED", 501),
        ("UNAVAILABLE", 503),
        ("UPSTREAM_TIMEOUT", 520),
    ];

    public static string ErrorType(int status) => errors.FirstOrDefault(known => known.Status == status).Type ?? Internal;

    public static int Status(string errorType) => errors.FirstOrDefault(known => known.Type == errorType) is { Status: > 0 } known ? known.Status : InternalStatus;

    public static string Format(IEnumerable<Link> links) => string.Join(", ", links.Select(static link => $"<{link.Url}>; type=\"{link.Type}\""));

    /// <summary>What is no link is left out.</summary>
    public static IEnumerable<Link> ParseLinks(IEnumerable<string?> values)
    {
        foreach (var text in values.SelectMany(static value => (value ?? "").Split(',')))
        {
            var (open, close, type) = (text.IndexOf('<', StringComparison.Ordinal), text.IndexOf('>', StringComparison.Ordinal), text.IndexOf("type=\"", StringComparison.Ordinal));
            if (open >= 0 && close > open && type > close)
            {
                yield return new Link { Url = text[(open + 1)..close], Type = text[(type + 6)..].TrimEnd().TrimEnd('"') };
            }
        }
    }
}
