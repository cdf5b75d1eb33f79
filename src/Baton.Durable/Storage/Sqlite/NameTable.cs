using System.Collections.Concurrent;

namespace Baton.Durable.Storage.Sqlite;

/// <summary>
/// Small numbers for the few strings that every row would repeat: namespace ids and search attributes. Kept in memory whole, rows are
/// never deleted.
/// </summary>
/// <remarks>
/// A new name is in memory before its row is committed, so that a reader who sees a committed row can always name it; a failed
/// commit takes its names out again. Only the writer adds.
/// </remarks>
internal sealed class NameTable
{
    private readonly ConcurrentDictionary<string, long> _numbers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<long, string> _names = new();
    private readonly List<(string Name, long Number)> _uncommitted = [];
    private readonly SqliteConnection _writer;
    private long _last;

    private readonly string _insert;

    /// <param name="table">A table of <c>id</c> and <c>name</c>.</param>
    public NameTable(SqliteConnection writer, string table)
    {
        _writer = writer;
        _insert = $"INSERT INTO {table} (id, name) VALUES (?, ?)";
        using SqliteStatement rows = writer.Prepare($"SELECT id, name FROM {table}").Begin();
        while (rows.Step())
            Remember(rows.Text(1), rows.Long(0));
    }

    /// <summary>The number of a name, or null when no row can have it.</summary>
    public long? Find(string name) => _numbers.TryGetValue(name, out long number) ? number : null;

    public string NameOf(long number) => _names[number];

    /// <summary>The number of a name, given now when it has none. Inside the writer's transaction.</summary>
    public long Intern(string name)
    {
        if (_numbers.TryGetValue(name, out long number))
            return number;
        number = _last + 1;
        _writer.Prepare(_insert).Begin().Bind(number).Bind(name).Run();
        _uncommitted.Add((name, number));
        Remember(name, number);
        return number;
    }

    public void Committed() => _uncommitted.Clear();

    public void RolledBack()
    {
        foreach ((string name, long number) in _uncommitted)
        {
            _numbers.TryRemove(name, out _);
            _names.TryRemove(number, out _);
        }
        _uncommitted.Clear();
    }

    private void Remember(string name, long number)
    {
        _names[number] = name;
        _numbers[name] = number;
        _last = Math.Max(_last, number);
    }
}
