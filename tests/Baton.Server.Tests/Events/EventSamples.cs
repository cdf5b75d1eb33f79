using System.Text;
using System.Text.Json.Nodes;
using Baton.Server.Events;

namespace Baton.Server.Tests.Events;

internal static class EventSamples
{
    public static CloudEvent Event(string id, string type = "test.happened", string? subject = null, string source = "/tests", Action<JsonObject>? more = null)
    {
        var json = new JsonObject { ["specversion"] = "1.0", ["id"] = id, ["source"] = source, ["type"] = type };
        if (subject is not null)
        {
            json["subject"] = subject;
        }
        more?.Invoke(json);
        return CloudEvent.Parse(Encoding.UTF8.GetBytes(json.ToJsonString()));
    }

    public static CloudEvent[] Events(int count, Func<int, string>? subject = null, int from = 1) =>
        [.. Enumerable.Range(from, count).Select(number => Event($"e{number}", subject: subject?.Invoke(number)))];
}
