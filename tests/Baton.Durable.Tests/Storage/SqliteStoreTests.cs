using Baton.Durable.Storage;
using Baton.Durable.Storage.Sqlite;

namespace Baton.Durable.Tests.Storage;

public sealed class SqliteStoreTests : StoreCompliance
{
    private readonly TempDirectory _directory = new();

    private protected override IDurableStore Open() => SqliteStore.Open(_directory.File("baton.db"));

    private protected override void CleanUp() => _directory.Dispose();
}
