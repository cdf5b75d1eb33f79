using System.Text.Json.Nodes;

namespace Baton.Server.Flows;

/// <summary>How two definitions differ: by structure, so that comments and layout do not count.</summary>
internal static class FlowDifferences
{
    /// <summary>More are not told: who changes that much reads the new text.</summary>
    private const int Max = 200;

    public static IReadOnlyList<FlowDifference> Between(JsonNode? before, JsonNode? after)
    {
        var found = new List<FlowDifference>();
        Compare(before, after, "", found);
        return found;
    }

    private static void Compare(JsonNode? before, JsonNode? after, string pointer, List<FlowDifference> found)
    {
        if (found.Count >= Max)
        {
            return;
        }
        switch (before, after)
        {
            case (JsonObject left, JsonObject right):
                foreach (var (key, value) in left)
                {
                    Compare(value, right[key], $"{pointer}/{Escape(key)}", found);
                }
                foreach (var (key, value) in right.Where(entry => !left.ContainsKey(entry.Key)))
                {
                    Compare(null, value, $"{pointer}/{Escape(key)}", found);
                }
                break;
            // Lists of the same length are compared item by item; in others it is not known which item became which.
            case (JsonArray left, JsonArray right) when left.Count == right.Count:
                for (var i = 0; i < left.Count; i++)
                {
                    Compare(left[i], right[i], $"{pointer}/{i}", found);
                }
                break;
            case (JsonArray left, JsonArray right) when Named(left) && Named(right):
                CompareNamed(left, right, pointer, found);
                break;
            default:
                if (!JsonNode.DeepEquals(before, after))
                {
                    found.Add(new(pointer, before?.DeepClone(), after?.DeepClone()));
                }
                break;
        }
    }

    // Task lists: each item is an object with the task's name as its only key.
    private static void CompareNamed(JsonArray left, JsonArray right, string pointer, List<FlowDifference> found)
    {
        foreach (var name in left.Concat(right).Select(NameOf).Distinct())
        {
            Compare(Find(left, name), Find(right, name), $"{pointer}/{Escape(name)}", found);
        }
    }

    private static bool Named(JsonArray list) =>
        list.All(item => item is JsonObject { Count: 1 }) && list.Select(NameOf).Distinct().Count() == list.Count;

    private static string NameOf(JsonNode? item) => ((JsonObject)item!).First().Key;

    private static JsonNode? Find(JsonArray list, string name) => list.Select(item => ((JsonObject)item!)[name]).FirstOrDefault(value => value is not null);

    private static string Escape(string key) => key.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);
}
