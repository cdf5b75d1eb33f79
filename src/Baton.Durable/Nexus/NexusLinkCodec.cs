using System.Globalization;
using System.Text.RegularExpressions;
using System.Web;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using NexusLink = Temporalio.Api.Nexus.V1.Link;

namespace Baton.Durable.Nexus;

/// <summary>
/// Links between executions as Nexus carries them: a URL with the type of what it points at, such as
/// <c>temporal:///namespaces/NS/workflows/ID/RUN/history?eventID=5&amp;eventType=NexusOperationScheduled&amp;referenceType=EventReference</c>.
/// </summary>
internal static partial class NexusLinkCodec
{
    private static readonly string eventType = Link.Types.WorkflowEvent.Descriptor.FullName;

    private static readonly string activityType = Link.Types.Activity.Descriptor.FullName;
    private static readonly string operationType = Link.Types.NexusOperation.Descriptor.FullName;

    /// <summary>Links to events of workflows, and to activities and operations of their own, are carried.</summary>
    public static NexusLink? ToNexus(Link link)
    {
        if (link.Activity is { } activity)
        {
            return Details("activities", activity.Namespace, activity.ActivityId, activity.RunId, activityType);
        }

        if (link.NexusOperation is { } operation)
        {
            return Details("nexus-operations", operation.Namespace, operation.OperationId, operation.RunId, operationType);
        }

        if (link.WorkflowEvent is not { } target)
        {
            return null;
        }

        var reference = target.ReferenceCase == Link.Types.WorkflowEvent.ReferenceOneofCase.RequestIdRef
            ? $"eventType={target.RequestIdRef.EventType}&referenceType=RequestIdReference&requestID={Uri.EscapeDataString(target.RequestIdRef.RequestId)}"
            : (target.EventRef.EventId > 0 ? $"eventID={target.EventRef.EventId}&" : "") + $"eventType={target.EventRef.EventType}&referenceType=EventReference";
        return new NexusLink
        {
            Url = $"temporal:///namespaces/{Uri.EscapeDataString(target.Namespace)}/workflows/{Uri.EscapeDataString(target.WorkflowId)}/{Uri.EscapeDataString(target.RunId)}/history?{reference}",
            Type = eventType,
        };
    }

    /// <summary>Null for a link of another type or with a URL that is not understood: links are never a reason to fail.</summary>
    public static Link? FromNexus(NexusLink link)
    {
        if ((link.Type == activityType || link.Type == operationType) && DetailsUrl().Match(link.Url) is { Success: true } details)
        {
            var (ns, id, run) = (Text(details, "ns"), Text(details, "id"), Text(details, "run"));
            return link.Type == activityType
                ? new Link { Activity = new() { Namespace = ns, ActivityId = id, RunId = run } }
                : new Link { NexusOperation = new() { Namespace = ns, OperationId = id, RunId = run } };
        }

        if (link.Type != eventType || EventUrl().Match(link.Url) is not { Success: true } match)
        {
            return null;
        }

        var query = HttpUtility.ParseQueryString(match.Groups["query"].Value);
        if (ParseEventType(query["eventType"]) is not { } type)
        {
            return null;
        }

        var target = new Link.Types.WorkflowEvent
        {
            Namespace = Text(match, "ns"),
            WorkflowId = Text(match, "id"),
            RunId = Text(match, "run"),
        };
        switch (query["referenceType"])
        {
            case "EventReference":
                var isNumber = long.TryParse(query["eventID"], CultureInfo.InvariantCulture, out var id);
                target.EventRef = new() { EventId = isNumber ? id : 0, EventType = type };
                break;
            case "RequestIdReference":
                target.RequestIdRef = new() { RequestId = query["requestID"] ?? "", EventType = type };
                break;
            default:
                return null;
        }

        return new Link { WorkflowEvent = target };
    }

    public static IEnumerable<Link> FromNexus(IEnumerable<NexusLink> links) => links.Select(FromNexus).OfType<Link>();

    private static NexusLink Details(string kind, string ns, string id, string run, string type) => new()
    {
        Url = $"temporal:///namespaces/{Uri.EscapeDataString(ns)}/{kind}/{Uri.EscapeDataString(id)}/{Uri.EscapeDataString(run)}/details",
        Type = type,
    };

    private static string Text(Match match, string group) => Uri.UnescapeDataString(match.Groups[group].Value);

    // Both the short name and that of the protocol buffer enum are in use.
    private static EventType? ParseEventType(string? text)
    {
        var name = text ?? "";
        if (name.StartsWith("EVENT_TYPE_", StringComparison.Ordinal))
        {
            name = name["EVENT_TYPE_".Length..].Replace("_", "", StringComparison.Ordinal);
        }

        return Enum.TryParse<EventType>(name, ignoreCase: true, out var type) && Enum.IsDefined(type) ? type : null;
    }

    [GeneratedRegex(@"^temporal:///namespaces/(?<ns>[^/?]+)/(activities|nexus-operations)/(?<id>[^/?]+)/(?<run>[^/?]+)/details$")]
    private static partial Regex DetailsUrl();

    [GeneratedRegex(@"^temporal:///namespaces/(?<ns>[^/?]+)/workflows/(?<id>[^/?]+)/(?<run>[^/?]+)/history\?(?<query>.*)$")]
    private static partial Regex EventUrl();
}
