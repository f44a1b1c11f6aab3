namespace Calico.Datastore.Etcd;

/// <summary>A text that is never printed by accident: logs, records and debuggers show stars.</summary>
public sealed class Secret(string text)
{
    public override string ToString() => "****";

    /// <summary>The text itself; for the one place that has to send it.</summary>
    public string Reveal() => text;
}
