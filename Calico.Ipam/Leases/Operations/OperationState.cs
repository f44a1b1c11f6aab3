namespace Calico.Ipam;

/// <summary>Where an operation is.</summary>
internal enum OperationState
{
    Queued,

    /// <summary>Being planned; nothing of it has left this process.</summary>
    Planning,

    /// <summary>In a transaction: until that is answered, what it does may or may not be done.</summary>
    Committing,

    /// <summary>Answered without the store, or given up by its caller; the writer takes no notice of it any more.</summary>
    Abandoned,

    Finished,
}
