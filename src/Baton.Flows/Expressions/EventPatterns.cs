using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace Baton.Flows.Expressions;

/// <summary>Attribute filters are regular expressions that must match the whole text; they run in linear time.</summary>
internal static class EventPatterns
{
    private const int MaxCached = 1024;

    private static readonly ConcurrentDictionary<string, Regex?> Cache = new();

    public static bool TryCompile(string pattern, [NotNullWhen(true)] out Regex? regex)
    {
        if (Cache.Count > MaxCached)
        {
            Cache.Clear();
        }
        regex = Cache.GetOrAdd(pattern, static text =>
        {
            try
            {
                return new Regex($@"\A(?:{text})\z", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
            }
            catch (Exception error) when (error is ArgumentException or NotSupportedException)
            {
                return null;
            }
        });
        return regex is not null;
    }
}
