using System.Runtime.CompilerServices;
using Baton.Server.Errors;
using Baton.Server.Identity;

namespace Baton.Server.Live;

/// <summary>One message of the stream.</summary>
/// <param name="Id">Where the stream then is, for Last-Event-ID or `after`.</param>
internal sealed record LiveMessage(string Id, string Topic, string Kind, DateTimeOffset Time, object Data);

/// <summary>Several topics as one stream of messages.</summary>
internal static class LiveStream
{
    public const string Ping = "ping";

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(15);

    /// <param name="topics">Names with commas between them; null for all that the caller may read.</param>
    /// <param name="position">Id of the last message that was received; null for now.</param>
    /// <exception cref="BatonException">There is no such topic, or the caller may not read it.</exception>
    public static List<(string Topic, ILiveReader Reader)> Open(string? topics, string? position, IReadOnlyList<ILiveTopic> known, Caller caller)
    {
        var wanted = topics?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Distinct().ToList()
            ?? [.. known.Where(topic => topic.IsFor(caller)).Select(topic => topic.Name)];
        var positions = (position ?? "").Split(';').Select(part => part.Split('=', 2)).Where(part => part.Length == 2).DistinctBy(part => part[0]).ToDictionary(part => part[0], part => part[1]);
        return [.. wanted.Select(name =>
        {
            var topic = known.FirstOrDefault(one => one.Name == name)
                ?? throw new BatonException(ErrorCodes.InvalidInput, $"there is no topic '{name}'", null, $"choose of {string.Join(", ", known.Select(one => one.Name))}");
            return topic.IsFor(caller)
                ? (name, topic.Open(positions.GetValueOrDefault(name), caller))
                : throw new BatonException(ErrorCodes.Forbidden, $"{caller.Name} may not listen to {name}", $"it takes {topic.Permission}", "leave the topic out, or ask an administrator for the role");
        })];
    }

    /// <summary>Messages without end; one of the kind ping when nothing happens for a while, so that a dead connection is noticed.</summary>
    public static async IAsyncEnumerable<LiveMessage> MessagesAsync(List<(string Topic, ILiveReader Reader)> readers, TimeProvider time, [EnumeratorCancellation] CancellationToken cancel)
    {
        long? told = null;
        while (!cancel.IsCancellationRequested)
        {
            var any = false;
            foreach (var (topic, reader) in readers)
            {
                // Where items have no position, only the last of what was read at once carries the new one: who leaves in the middle gets all of it again.
                var before = reader.Position;
                var items = await reader.ReadAsync(cancel);
                for (var i = 0; i < items.Count; i++)
                {
                    any = true;
                    var position = i + 1 == items.Count ? reader.Position : items[i].Position ?? before;
                    yield return new(string.Join(';', readers.Select(one => $"{one.Topic}={(one.Topic == topic ? position : one.Reader.Position)}")), items[i].Topic, items[i].Kind, items[i].Time, items[i].Data);
                }
            }
            if (any)
            {
                told = time.GetTimestamp();
                continue;
            }
            if (told is null || time.GetElapsedTime(told.Value) > Quiet)
            {
                told = time.GetTimestamp();
                yield return new(IdOf(readers), "", Ping, time.GetUtcNow(), new { });
            }
            await Task.Delay(Interval, time, cancel);
        }
    }

    private static string IdOf(List<(string Topic, ILiveReader Reader)> readers) => string.Join(';', readers.Select(reader => $"{reader.Topic}={reader.Reader.Position}"));
}
