using System.Collections.Immutable;

namespace Calico.EmbeddedStore;

/// <summary>Which file, and whose it must be.</summary>
public sealed record EmbeddedStoreOptions
{
    public const string DefaultPath = "/var/lib/calico/calico.db";

    /// <summary>The database file; SQLite keeps a <c>-wal</c> file beside it. Its directory is made if it does not exist.</summary>
    public string Path { get; init; } = DefaultPath;

    /// <summary>Content of <c>/etc/machine-id</c>. Another machine's file is refused: two nodes must not run from one node's log.</summary>
    public required string MachineId { get; init; }

    /// <summary>This node's name; the log's entries belong to it.</summary>
    public required string NodeName { get; init; }

    /// <summary>Takes over the file of another machine or node for good. For a machine that was renamed or got a new machine-id, and
    /// only when a person said so: on a clone it makes two nodes answer for the same endpoints.</summary>
    public bool Adopt { get; init; }

    /// <summary>Prefixes of log entries that stand elsewhere under this node's name: while there are any, the file is not adopted under
    /// another name, whatever <see cref="Adopt"/> says.</summary>
    public ImmutableArray<string> BoundToName { get; init; } = [];

    /// <summary>What a person does to set <see cref="Adopt"/>; the refusal of another machine's file ends with it.</summary>
    public string HowToAdopt { get; init; } = "start once with the option to adopt the store";

    /// <summary>Changes that are kept so that watches can catch up and old revisions be read.</summary>
    public int KeptChanges { get; init; } = 10_000;

    /// <summary>The same bound in bytes of keys and values; whichever is reached first.</summary>
    public long KeptBytes { get; init; } = 8 << 20;

    /// <summary>Is told what each batch took to reach the disk. Called by the writer: nothing that waits.</summary>
    public Action<TimeSpan>? Written { get; init; }
}
