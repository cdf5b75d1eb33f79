namespace Baton.Durable.Storage.Sqlite;

/// <summary>Writes documents.</summary>
internal sealed class DocumentWriter(SqliteConnection connection)
{
    public void Apply(WriteBatch batch)
    {
        foreach (((var kind, var key), var value) in batch.Documents)
        {
            if (value is null)
            {
                connection.Prepare("DELETE FROM documents WHERE kind = ? AND key = ?").Begin().Bind(kind).Bind(key).Run();
            }
            else
            {
                connection.Prepare("INSERT OR REPLACE INTO documents (kind, key, value) VALUES (?, ?, ?)").Begin().Bind(kind).Bind(key).Bind(value.AsSpan()).Run();
            }
        }
    }
}

/// <inheritdoc cref="IDocumentReader"/>
internal sealed class DocumentReader(ReaderPool pool) : IDocumentReader
{
    public byte[]? Get(string kind, string key)
    {
        using var reader = pool.Rent();
        using var row = reader.Begin("SELECT value FROM documents WHERE kind = ? AND key = ?").Bind(kind).Bind(key);
        return row.Step() ? row.Bytes(0) : null;
    }

    public IReadOnlyList<(string Key, byte[] Value)> List(string kind)
    {
        using var reader = pool.Rent();
        using var rows = reader.Begin("SELECT key, value FROM documents WHERE kind = ? ORDER BY key").Bind(kind);
        var documents = new List<(string, byte[])>();
        while (rows.Step())
        {
            documents.Add((rows.Text(0), rows.Bytes(1)));
        }

        return documents;
    }
}
