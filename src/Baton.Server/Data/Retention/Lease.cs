using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Baton.Server.Data.Retention;

/// <summary>The right of one process to do something for all that share the database, until a time.</summary>
internal sealed class Lease
{
    public required string Name { get; init; }

    public required string Holder { get; set; }

    public DateTimeOffset Until { get; set; }

    /// <summary>Takes the lease, or keeps it if it is the holder's already.</summary>
    /// <returns>False if another has it.</returns>
    public static async Task<bool> TakeAsync(BatonDb db, string name, string holder, DateTimeOffset now, TimeSpan length, CancellationToken cancel)
    {
        var until = now + length;
        var taken = await db.Set<Lease>().Where(lease => lease.Name == name && (lease.Until <= now || lease.Holder == holder))
            .ExecuteUpdateAsync(set => set.SetProperty(lease => lease.Holder, holder).SetProperty(lease => lease.Until, until), cancel);
        if (taken > 0)
        {
            return true;
        }
        if (await db.Set<Lease>().AnyAsync(lease => lease.Name == name, cancel))
        {
            return false;
        }
        db.Add(new Lease { Name = name, Holder = holder, Until = until });
        try
        {
            await db.SaveChangesAsync(cancel);
            return true;
        }
        catch (DbUpdateException)
        {
            // Another was first, or else the next round says what is wrong.
            db.ChangeTracker.Clear();
            return false;
        }
    }
}

internal sealed class LeaseMapping : IEntityTypeConfiguration<Lease>
{
    public void Configure(EntityTypeBuilder<Lease> builder)
    {
        builder.ToTable("Leases").HasKey(lease => lease.Name);
        builder.Property(lease => lease.Name).HasMaxLength(100);
        builder.Property(lease => lease.Holder).HasMaxLength(100);
    }
}
