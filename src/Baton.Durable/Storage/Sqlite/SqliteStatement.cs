using System.Text;
using Google.Protobuf;
using SQLitePCL;

namespace Baton.Durable.Storage.Sqlite;

/// <summary>
/// A prepared statement. <see cref="Begin"/>, then the <c>Bind</c>s in the order of the parameters, then <see cref="Run"/> or
/// <see cref="Step"/>s; <see cref="Dispose"/> resets it for the next use and frees nothing.
/// </summary>
internal sealed class SqliteStatement(SqliteConnection connection, sqlite3_stmt handle) : IDisposable
{
    private int next;

    /// <summary>Ready for parameters.</summary>
    public SqliteStatement Begin()
    {
        next = 0;
        return this;
    }

    public SqliteStatement Bind(long value)
    {
        connection.Check(raw.sqlite3_bind_int64(handle, ++next, value));
        return this;
    }

    public SqliteStatement Bind(long? value)
    {
        if (value is { } number)
        {
            return Bind(number);
        }

        connection.Check(raw.sqlite3_bind_null(handle, ++next));
        return this;
    }

    public SqliteStatement Bind(double value)
    {
        connection.Check(raw.sqlite3_bind_double(handle, ++next, value));
        return this;
    }

    public SqliteStatement Bind(string value)
    {
        const int OnStack = 512;
        var most = Encoding.UTF8.GetMaxByteCount(value.Length);
        var utf8 = most <= OnStack ? stackalloc byte[OnStack] : new byte[most];
        connection.Check(raw.sqlite3_bind_text(handle, ++next, utf8[..Encoding.UTF8.GetBytes(value, utf8)]));
        return this;
    }

    /// <summary>Binds the text, or NULL when it is empty.</summary>
    public SqliteStatement BindOrNull(string value) => value.Length > 0 ? Bind(value) : Bind((long?)null);

    public SqliteStatement Bind(ReadOnlySpan<byte> value)
    {
        connection.Check(raw.sqlite3_bind_blob(handle, ++next, value));
        return this;
    }

    /// <summary>Binds a value of <see cref="Visibility.VisibilityAttribute"/>'s stored form: long, double or string.</summary>
    public SqliteStatement BindValue(object value) => value switch
    {
        long number => Bind(number),
        double real => Bind(real),
        string text => Bind(text),
        _ => throw new ArgumentException($"A {value.GetType().Name} has no stored form.", nameof(value)),
    };

    /// <summary>True when there is a row.</summary>
    public bool Step()
    {
        var code = raw.sqlite3_step(handle);
        if (code == raw.SQLITE_ROW)
        {
            return true;
        }

        if (code == raw.SQLITE_DONE)
        {
            return false;
        }

        var failure = SqliteFailure.Of(code, connection.Path, connection.Db);
        raw.sqlite3_reset(handle);
        throw failure;
    }

    /// <summary>Runs to the end and resets. Returns the number of rows changed.</summary>
    public int Run()
    {
        while (Step())
        {
        }
        var changes = connection.Changes;
        raw.sqlite3_reset(handle);
        return changes;
    }

    public bool IsNull(int column) => raw.sqlite3_column_type(handle, column) == raw.SQLITE_NULL;

    public long Long(int column) => raw.sqlite3_column_int64(handle, column);

    public long? LongOrNull(int column) => IsNull(column) ? null : Long(column);

    /// <summary>The text, empty for NULL.</summary>
    // Read as bytes: the length is exact then, where a C string would end at an embedded zero.
    public string Text(int column) => Encoding.UTF8.GetString(raw.sqlite3_column_blob(handle, column));

    public byte[] Bytes(int column) => raw.sqlite3_column_blob(handle, column).ToArray();

    public ReadOnlySpan<byte> Span(int column) => raw.sqlite3_column_blob(handle, column);

    public ByteString ByteString(int column) => UnsafeByteOperations.UnsafeWrap(Bytes(column));

    /// <summary>The value in stored form: long, double, string, or null.</summary>
    public object? Value(int column) => raw.sqlite3_column_type(handle, column) switch
    {
        raw.SQLITE_NULL => null,
        raw.SQLITE_INTEGER => Long(column),
        raw.SQLITE_FLOAT => raw.sqlite3_column_double(handle, column),
        _ => Text(column),
    };

    public void Dispose() => raw.sqlite3_reset(handle);

    public void Close() => handle.Dispose();
}
