namespace Calico.TestKit.Store;

/// <summary>What goes wrong with one call of a store.</summary>
public enum StoreFault
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>It is refused as unavailable; nothing is done.</summary>
    Fail,

    /// <summary>Nothing is done and no answer comes until the caller gives up.</summary>
    Hang,

    /// <summary>It is done, and the caller is told that the store is unavailable.</summary>
    AnswerLost,

    /// <summary>It is done, and no answer comes until the caller gives up.</summary>
    DoneThenHang,
}

/// <summary>A kind of call.</summary>
public enum StoreCallKind
{
    Get,
    List,
    Commit,
    Watch,
    Lease,
}
