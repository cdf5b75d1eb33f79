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
    private readonly ConcurrentDictionary<string, long> numbers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<long, string> names = new();
    private readonly List<(string Name, long Number)> uncommitted = [];
    private readonly SqliteConnection writer;
    private long last;

    private readonly string insert;

    /// <param name="table">A table of <c>id</c> and <c>name</c>.</param>
    public NameTable(SqliteConnection writer, string table)
    {
        this.writer = writer;
        insert = $"INSERT INTO {table} (id, name) VALUES (?, ?)";
        using var rows = writer.Prepare($"SELECT id, name FROM {table}").Begin();
        while (rows.Step())
        {
            Remember(rows.Text(1), rows.Long(0));
        }
    }

    /// <summary>The number of a name, or null when no row can have it.</summary>
    public long? Find(string name) => numbers.TryGetValue(name, out var number) ? number : null;

    public string NameOf(long number) => names[number];

    /// <summary>The number of a name, given now when it has none. Inside the writer's transaction.</summary>
    public long Intern(string name)
    {
        if (numbers.TryGetValue(name, out var number))
        {
            return number;
        }

        number = last + 1;
        writer.Prepare(insert).Begin().Bind(number).Bind(name).Run();
        uncommitted.Add((name, number));
        Remember(name, number);
        return number;
    }

    public void Committed() => uncommitted.Clear();

    public void RolledBack()
    {
        foreach ((var name, var number) in uncommitted)
        {
            numbers.TryRemove(name, out _);
            names.TryRemove(number, out _);
        }
        uncommitted.Clear();
    }

    private void Remember(string name, long number)
    {
        names[number] = name;
        numbers[name] = number;
        last = Math.Max(last, number);
    }
}
